import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { childEnvironment } from '@archive2/core/base/child-environment.ts';
import { SupervisedProcess } from '@archive2/core/base/supervised-process.ts';
import { writeStderr } from '@archive2/core/cli/exit.ts';
import type { BackupJob } from '../backup-job.ts';
import type { BackupWorld } from '../backup-world.ts';
import type { Aftermath } from '../run-job.ts';

/** A first wal-sync copies a whole archive. */
const longestMs = 24 * 3600 * 1000;
const stopGraceMs = 30_000;

/** Runs wal-cleanup, then wal-sync, as an operator would; what they print goes to stderr. Says how each ended. */
export async function runTools(job: BackupJob, world: BackupWorld): Promise<Aftermath> {
  const { directory, peer } = job;
  const remote = ['--remote-cmd', world.settings.remoteProgram];
  const cleanup = ['--cluster-dir', directory.path, ...(peer === undefined ? ['--no-peer'] : [peer]), ...remote];
  const sync = peer === undefined ? undefined : [directory.walDirectory, addressOf(peer), ...remote];
  return {
    'wal-cleanup': await runTool('wal-cleanup', cleanup, world),
    'wal-sync': sync === undefined ? 'no peer' : await runTool('wal-sync', sync, world),
  };
}

/** wal-sync takes no NAME= before the host. */
function addressOf(peer: string): string {
  return peer.slice(peer.indexOf('=') + 1);
}

async function runTool(name: string, args: readonly string[], world: BackupWorld): Promise<string> {
  const { environment, log, signal } = world;
  const path = join(dirname(process.execPath), name);
  if (!existsSync(path)) {
    log.warning(`${name} is not installed beside this program, so it was not run`, { path });
    return 'not installed';
  }
  const child = new SupervisedProcess({
    path,
    args,
    environment: childEnvironment(environment),
    onLine: (line) => writeStderr(`${name}: ${line}\n`),
  });
  const stop = () => {
    child.stop(stopGraceMs).catch(() => undefined);
  };
  signal.addEventListener('abort', stop, { once: true });
  const timer = setTimeout(stop, longestMs);
  const { status, description } = await child.ended;
  clearTimeout(timer);
  signal.removeEventListener('abort', stop);
  if (status === 0) return 'done';
  log.warning(`the backup is complete, but ${name} ended with ${description}`);
  return `ended with ${description}`;
}
