import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode } from '../../base/failure.ts';
import { replaceFileDurably } from '../../files/atomic-file.ts';
import { syncDirectory } from '../../files/directory-sync.ts';
import { rewriteAutoConf } from './auto-conf.ts';
import type { Settings } from './settings-text.ts';

/** What ALTER SYSTEM of the old server had set, where this restore had to drop some of it; kept beside the file. */
const originalAutoConf = 'postgresql.auto.conf.from-backup';

/**
 * Makes a data directory recover: the settings at the end of postgresql.auto.conf, the signal file, and configuration files where the
 * backup has none (Debian keeps them elsewhere). May be repeated. Durable on return, the signal file last.
 */
export async function writeRecovery(
  dataDirectory: string,
  settings: Settings,
  signal: 'recovery.signal' | 'standby.signal',
  nowMs: number,
): Promise<void> {
  const autoConf = join(dataDirectory, 'postgresql.auto.conf');
  const before = (await readIfThere(autoConf)) ?? '';
  const { text, dropped } = rewriteAutoConf(before, settings);
  if (dropped.length > 0) await createOnce(join(dataDirectory, originalAutoConf), before);
  await replaceFileDurably(autoConf, text, nowMs);
  for (const [name, content] of missingFiles) await createOnce(join(dataDirectory, name), content);
  const other = signal === 'recovery.signal' ? 'standby.signal' : 'recovery.signal';
  await rm(join(dataDirectory, other), { force: true });
  await replaceFileDurably(join(dataDirectory, signal), '', nowMs);
}

/** Without these a server does not start. */
const missingFiles = [
  [
    'postgresql.conf',
    '# The backup has no postgresql.conf: the old server kept it elsewhere. Put its settings here.\n',
  ],
  [
    'pg_hba.conf',
    '# The backup has no pg_hba.conf: the old server kept it elsewhere. Only this account may log in.\nlocal all all peer\n',
  ],
  ['pg_ident.conf', '# The backup has no pg_ident.conf: the old server kept it elsewhere.\n'],
] as const;

/**
 * Makes a data directory recover as a drill: nothing of the backup's own configuration counts, which may name files, commands and
 * addresses of another machine. `directory` gets the configuration; start the server with `config_file` there, see drillConfig.
 */
export async function writeDrillConfig(
  dataDirectory: string,
  directory: string,
  files: Readonly<Record<string, string>>,
  nowMs: number,
): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const [name, content] of Object.entries(files)) await replaceFileDurably(join(directory, name), content, nowMs);
  try {
    await rename(join(dataDirectory, 'postgresql.auto.conf'), join(dataDirectory, originalAutoConf));
  } catch (error) {
    // Also when it was moved by an earlier try.
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
  await rm(join(dataDirectory, 'standby.signal'), { force: true });
  await writeFile(join(dataDirectory, 'recovery.signal'), '', { mode: 0o600 });
}

async function createOnce(path: string, content: string): Promise<void> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, 'wx', 0o600);
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return;
    throw error;
  }
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await syncDirectory(join(path, '..'));
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
