/**
 * Builds the one executable, bin/archive2, and the commands' names as links to it.
 *
 * The options are explained in docs/decisions.md; the two "no autoload" ones keep files in PostgreSQL's data directory, where
 * archive_command runs, from configuring us.
 */
import { spawnSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { alignText } from './align-text.ts';

const root = join(import.meta.dirname, '..');
const commands = [
  'archive_cmd',
  'archive_remote_cmd',
  'archive-status',
  'backup-queue',
  'backup-restore',
  'backup-verify',
  'base-backup',
  'restore_cmd',
  'wal-cleanup',
  'wal-sync',
];
const bin = join(root, 'bin');
// Two builds at once must not write to one file.
const built = join(bin, `.archive2.${process.pid}.new`);

mkdirSync(bin, { recursive: true });
const { status } = spawnSync(
  join(root, 'node_modules/bun/bin/bun.exe'),
  [
    'build',
    '--compile',
    '--bytecode',
    '--minify',
    '--splitting',
    '--format=esm',
    '--no-compile-autoload-dotenv',
    '--no-compile-autoload-bunfig',
    '--external=cpu-features',
    '--external=*.node',
    '--external=pg-native',
    `--outfile=${built}`,
    join(root, 'packages/archive2/src/main.ts'),
    // A thread begins with a module of its own.
    join(root, 'packages/restore_cmd/src/receive/receiving-worker.ts'),
  ],
  { stdio: 'inherit', cwd: root },
);
if (status !== 0) process.exit(1);
// Written once more in one go: what the bundler writes piece by piece lies so in the page cache that each start faults more (15 %
// of a call's CPU, checked on Linux 6.18). Then a rename, so that a program that runs is never written to.
writeFileSync(`${built}.whole`, alignText(readFileSync(built)), { mode: 0o755 });
rmSync(built);
renameSync(`${built}.whole`, join(bin, 'archive2'));
for (const command of commands) {
  const link = join(bin, command);
  // One that is right stays: at no moment is a command missing.
  if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() && readlinkSync(link) === 'archive2') continue;
  rmSync(link, { force: true });
  symlinkSync('archive2', link);
}
