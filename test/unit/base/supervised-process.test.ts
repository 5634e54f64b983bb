import { execFileSync, spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { SupervisedProcess } from '../../../packages/core/src/base/supervised-process.ts';
import { REPOSITORY_ROOT } from '../../support/repository.ts';
import { waitFor } from '../../support/wait-for.ts';

const environment = { PATH: process.env['PATH'] ?? '' };

function run(script: string): { child: SupervisedProcess; lines: string[] } {
  const lines: string[] = [];
  const child = new SupervisedProcess({
    path: '/bin/sh',
    args: ['-c', script],
    environment,
    onLine: (line) => lines.push(line),
  });
  return { child, lines };
}

const isAlive = (pid: number): boolean => {
  try {
    // A zombie has been killed, too.
    return !/^State:\tZ/m.test(
      execFileSync('cat', [`/proc/${pid}/status`], { stdio: ['ignore', 'pipe', 'ignore'] }).toString(),
    );
  } catch {
    return false;
  }
};

test('a program ends with its status, and all its lines were told', async () => {
  const { child, lines } = run('echo one; echo two >&2; exit 7');
  expect(await child.ended).toEqual({ status: 7, description: 'status 7' });
  expect(lines.toSorted()).toEqual(['one', 'two']);
  expect(child.isRunning).toBe(false);
  expect(await child.stop(1000)).toEqual({ status: 7, description: 'status 7' });
});

test('its lines are whole, the last one without its end, too, and a character that came in two pieces', async () => {
  const { child, lines } = run("printf 'one\\ncaf\\303'; sleep 0.1; printf '\\251 is last'");
  await child.ended;
  expect(lines).toEqual(['one', 'café is last']);
});

test('a program that is not there ends with a status', async () => {
  const child = new SupervisedProcess({ path: '/nowhere/it', args: [], environment, onLine: () => undefined });
  expect(await child.ended).toMatchObject({ status: 127 });
});

test('arguments come as they are, and stdin is empty', async () => {
  const lines: string[] = [];
  const args = ['-c', 'cat; printf "%s\\n" "$@"', 'sh', '$(id)', 'a b', "it's", '-n'];
  const child = new SupervisedProcess({ path: '/bin/sh', args, environment, onLine: (line) => lines.push(line) });
  await child.ended;
  expect(lines).toEqual(['$(id)', 'a b', "it's", '-n']);
});

test('stop ends the program and what it has started, also those that ignore SIGTERM', async () => {
  const { child, lines } = run('trap "" TERM; sleep 1000 & echo $!; echo $$; wait');
  await waitFor(() => lines.length === 2, { what: 'both processes' });
  const { status } = await child.stop(200);
  expect(status).not.toBe(0);
  for (const pid of lines.map(Number)) await waitFor(() => !isAlive(pid), { what: `${pid} to end` });
});

test('the program and what it has started die with us', async () => {
  const module = `${REPOSITORY_ROOT}/packages/core/src/base/supervised-process.ts`;
  const script = `const { SupervisedProcess } = await import(${JSON.stringify(module)});
    new SupervisedProcess({ path: '/bin/sh', args: ['-c', 'setsid -w true; sleep 1000 & echo $!; echo $$; wait'],
      environment: { PATH: process.env.PATH }, onLine: (line) => console.log(line) });
    setInterval(() => undefined, 1000);`;
  const parent = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  parent.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const pids = await waitFor(() => said.trim().split('\n').length === 2 && said.trim().split('\n').map(Number), {
    what: 'both processes',
  });
  expect(pids.every(isAlive)).toBe(true);
  parent.kill('SIGKILL');
  for (const pid of pids) await waitFor(() => !isAlive(pid), { what: `${pid} to end` });
});
