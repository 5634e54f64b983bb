import { spawn } from 'node:child_process';

export interface DetachedProcess {
  /** The name it is called by. */
  command: string;
  args: readonly string[];
  environment: Record<string, string>;
}

/**
 * Starts this same program under one of its names, in a process session of its own, with no descriptor of ours and in the
 * root directory, so that it outlives us and holds nothing open that we had. Returns its process id.
 */
export function startDetached(process_: DetachedProcess): number | undefined {
  const child = spawn(process.execPath, [...process_.args], {
    argv0: process_.command,
    cwd: '/',
    detached: true,
    env: process_.environment,
    stdio: 'ignore',
  });
  // Without a listener a failed start would be an uncaught error; whoever needs the process finds that it is not there.
  child.on('error', () => undefined);
  child.unref();
  return child.pid;
}
