import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { childOf } from './process-table.ts';
import type { Reaper } from './reaper.ts';
import { REPOSITORY_INSIDE, REPOSITORY_ROOT } from './repository.ts';

/** Process 1 of a running machine: all its namespaces live as long as it does. */
export class MachineInit {
  /** As seen from outside. */
  readonly pid: number;
  readonly #unshare: ChildProcess;

  private constructor(unshare: ChildProcess, pid: number) {
    this.#unshare = unshare;
    this.pid = pid;
  }

  /** Returns when the machine's root directory is in place. @throws Error with what the boot script said. */
  static async start(root: string, hostname: string, reaper: Reaper): Promise<MachineInit> {
    const namespaces = ['--mount', '--net', '--pid', '--ipc', '--uts', '--fork', '--kill-child'];
    const script = join(import.meta.dirname, 'machine-boot.sh');
    const unshare = spawn(
      '/usr/bin/unshare',
      [
        ...namespaces,
        '--propagation',
        'private',
        '/bin/sh',
        script,
        root,
        hostname,
        REPOSITORY_ROOT,
        REPOSITORY_INSIDE,
      ],
      { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    if (unshare.pid !== undefined) {
      reaper.ownProcess(unshare.pid);
    }
    await readiness(unshare, hostname);
    const pid = childOf(unshare.pid ?? 0);
    if (pid === undefined) {
      throw new Error(`${hostname} died while it booted`);
    }
    return new MachineInit(unshare, pid);
  }

  /** Kills it and with it everything inside; returns when all of it is gone. */
  async kill(): Promise<void> {
    // unshare ends when the init is reaped, and the kernel lets that happen only after everybody inside is gone.
    const gone = new Promise((resolve) => this.#unshare.once('exit', resolve));
    process.kill(this.pid, 'SIGKILL');
    await gone;
  }
}

function readiness(unshare: ChildProcess, hostname: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let stderr = '';
    unshare.stderr?.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    unshare.stdout?.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('ready')) {
        resolve();
      }
    });
    unshare.on('error', reject);
    unshare.on('close', (status) => {
      const needs = 'machines need root, and a kernel that lets it make namespaces and mounts';
      reject(new Error(`${hostname} did not boot (status ${status}): ${stderr.trim()}; ${needs}`));
    });
  });
}
