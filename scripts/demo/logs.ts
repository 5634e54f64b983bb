import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ArchiveStand } from '../../test/support/archive-stand.ts';
import type { Narrator } from './narrator.ts';

/** Of PostgreSQL, of sshd, and of the agents. */
const DIRECTORIES = ['var/log/postgresql', 'var/log', 'var/lib/archive2/postgres'];
const SHOWN_LINES = 12;

/** Shows the last lines of every log on every machine, running or not. */
export function quoteLogs(archive: ArchiveStand, say: Narrator): void {
  for (const { name, root } of archive.stand.machines) {
    for (const directory of DIRECTORIES) {
      for (const file of readdirSync(join(root, directory)).filter((file) => file.endsWith('.log'))) {
        const lines = readFileSync(join(root, directory, file), 'utf8')
          .split('\n')
          .filter(Boolean);
        say.quote(`${name}: /${directory}/${file}`, lines.slice(-SHOWN_LINES));
      }
    }
  }
}
