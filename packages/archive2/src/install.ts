import { chmodSync, lstatSync, readFileSync, readlinkSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@archive2/core/base/clock.ts';
import { Failure, systemErrorCode } from '@archive2/core/base/failure.ts';
import { writeStdout } from '@archive2/core/cli/exit.ts';
import { programVersion } from '@archive2/core/cli/version.ts';
import { syncDirectory } from '@archive2/core/files/directory-sync.ts';
import { diskTrouble } from '@archive2/core/files/disk-error.ts';
import { PartFile } from '@archive2/core/files/part-file.ts';
import { removeStaleParts } from '@archive2/core/files/stale-parts.ts';

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
    await putProgram(directory);
    for (const command of commands) putLink(directory, command);
    await syncDirectory(directory);
  } catch (error) {
    throw toInstallFailure(error, directory);
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
    throw error;
  }
}

/**
 * Written in one go: then the page cache holds it in large pages, which each call's start is quicker by (a fifth of its CPU beside
 * what `install` and `cp` write, checked on Linux 6.18, ext4).
 */
async function putProgram(directory: string): Promise<void> {
  const nowMs = systemClock.nowMs();
  await removeStaleParts(directory, nowMs);
  const part = await PartFile.create(directory, programName);
  try {
    try {
      await part.append(readFileSync(process.execPath));
      // Whatever the umask is.
      chmodSync(part.path, 0o755);
      await part.sync(nowMs);
    } finally {
      // Before it has its name: a program that is open for writing cannot be started (ETXTBSY).
      await part.close();
    }
    await part.replace(programName);
  } finally {
    await part.discard();
  }
}

function toInstallFailure(error: unknown, directory: string): unknown {
  const trouble = diskTrouble(error);
  if (trouble === undefined) return error;
  const { code, systemCode } = trouble;
  return new Failure(code, `archive2 could not be put into ${directory} (${systemCode})`, {
    cause: error,
    hint: 'Look at the rights and the free space there. What was installed before is still there.',
  });
}

function putLink(directory: string, command: string): void {
  const path = join(directory, command);
  if (linkTarget(path) === programName) return;
  try {
    symlinkSync(programName, path);
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error;
    // By another who installs at this moment, or who should not be here.
    checkName(path);
  }
}
