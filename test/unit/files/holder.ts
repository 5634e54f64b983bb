import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A process that holds a lock, or a part file, until it is killed. */
export interface Holder {
  said: string;
  pid: number;
  kill(): Promise<void>;
}

export async function startHolder(...args: string[]): Promise<Holder> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'holder-program.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  onTestFinished(() => killGroup(child));
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return {
    said: line.toString().trim(),
    pid: child.pid ?? 0,
    async kill() {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

function killGroup(child: ChildProcess): void {
  try {
    process.kill(-(child.pid ?? 0), 'SIGKILL');
  } catch {
    // The whole group has ended.
  }
}
