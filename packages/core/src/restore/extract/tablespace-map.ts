import { backupDamaged } from '../../backups/backup-damage.ts';

/** Tablespaces by OID, in decimal, and where each is. */
export type Tablespaces = ReadonlyMap<string, string>;

/** Of a tablespace, as PostgreSQL writes it. */
export const oidPattern = /^[1-9][0-9]{0,9}$/;

/**
 * Reads a backup's tablespace_map: where the server had its tablespaces. Throws `backup_damaged`.
 *
 * Source: read_tablespace_map in PostgreSQL 18 src/backend/access/transam/xlogrecovery.c; a line for each, in which a backslash
 * stands before a backslash and before the end of a line that belongs to the path.
 */
export function parseTablespaceMap(content: string): Map<string, string> {
  const tablespaces = new Map<string, string>();
  let line = '';
  for (let at = 0; at < content.length; at += 1) {
    const character = content[at] as string;
    if (character === '\\') {
      at += 1;
      line += content[at] ?? '';
    } else if (character === '\n' || character === '\r') {
      takeLine(line, tablespaces);
      line = '';
    } else {
      line += character;
    }
  }
  if (line !== '') throw backupDamaged('has a tablespace_map that ends within a line');
  return tablespaces;
}

function takeLine(line: string, tablespaces: Map<string, string>): void {
  if (line === '') return;
  const space = line.indexOf(' ');
  const [oid, path] = [line.slice(0, space), line.slice(space + 1)];
  if (space < 0 || !oidPattern.test(oid) || path === '' || tablespaces.has(oid)) {
    throw backupDamaged('has a tablespace_map with a line that is none');
  }
  tablespaces.set(oid, path);
}

/**
 * A tablespace_map with these places, which have no backslash and no line ends: PostgreSQL before 14 reads those otherwise. At the
 * start of recovery the server makes the links of pg_tblspc anew from it, so one with the old places would give a restored cluster
 * the files of the one that was backed up.
 */
export function formatTablespaceMap(tablespaces: Tablespaces): string {
  return [...tablespaces].map(([oid, path]) => `${oid} ${path}\n`).join('');
}
