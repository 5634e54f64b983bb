import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { REPOSITORY_ROOT } from '../support/repository.ts';
import { waitFor } from '../support/wait-for.ts';

/** A session of archive_remote_cmd, held open by its stdin, as sshd holds it. */
type Session = ChildProcessByStdio<Writable, Readable, null>;

const program = join(REPOSITORY_ROOT, 'bin', 'archive_remote_cmd');
const settings = [
  'BUN_JSC_thresholdForJITAfterWarmUp=100',
  'BUN_JSC_thresholdForOptimizeAfterWarmUp=400',
  'MIMALLOC_PURGE_DELAY=10000',
];
const environment = { PATH: process.env['PATH'] ?? '', HOME: '/nowhere', LANG: 'C.UTF-8' };
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'archive2-anew-'));
  const init = spawn(program, ['init', '--dir', directory, '--cluster', 'main'], { stdio: 'ignore' });
  expect(await statusOf(init)).toBe(0);
});

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

const statusOf = (child: { once(event: 'exit', listener: (status: number | null) => void): unknown }) =>
  new Promise<number | null>((resolve) => child.once('exit', resolve));

const linesOf = (pid: number | undefined, file: string) =>
  readFileSync(`/proc/${pid}/${file}`, 'utf8').split('\0').filter(Boolean);

/** Starts one and waits until it has said its first words: then it is what it will stay. */
async function serve(rights: string, variables: Record<string, string> = {}, below: string[] = []): Promise<Session> {
  const words = ['serve', '--dir', directory, '--cluster', 'main', '--allow', rights];
  const [first = program, ...rest] = [...below, program, ...words];
  const session = spawn(first, rest, {
    env: { ...environment, ...variables },
    cwd: '/usr',
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  let hasSpoken = false;
  session.stdout.on('data', () => {
    hasSpoken = true;
  });
  await waitFor(() => hasSpoken, { what: 'the session to begin' });
  return session;
}

async function end(session: Session): Promise<number | null> {
  const status = statusOf(session);
  session.stdin.end();
  return await status;
}

test('a session that is sent files starts anew with settings for its runtime, and is the same process to all others', async () => {
  const session = await serve('put,get');
  const { pid } = session;
  expect(linesOf(pid, 'environ').toSorted()).toEqual(
    [...Object.entries(environment).map(([name, value]) => `${name}=${value}`), ...settings].toSorted(),
  );
  expect(linesOf(pid, 'cmdline')).toEqual([
    program,
    'serve',
    '--dir',
    directory,
    '--cluster',
    'main',
    '--allow',
    'put,get',
  ]);
  expect(readlinkSync(`/proc/${pid}/cwd`)).toBe('/usr');
  expect(readlinkSync(`/proc/${pid}/exe`)).toBe(join(REPOSITORY_ROOT, 'bin', 'archive2'));
  expect(await end(session)).toBe(0);
});

test('it has no more descriptors, and minds the same signals, as one that was started with them', async () => {
  const given = Object.fromEntries(settings.map((setting) => setting.split('=') as [string, string]));
  const sessions = [await serve('put'), await serve('put', given)];
  const descriptors = sessions.map(({ pid }) => readdirSync(`/proc/${pid}/fd`).length);
  expect(descriptors[0]).toBe(descriptors[1]);
  const signals = sessions.map(({ pid }) =>
    readFileSync(`/proc/${pid}/status`, 'utf8')
      .split('\n')
      .filter((line) => /^Sig(Blk|Ign|Cgt)/.test(line)),
  );
  expect(signals[0]).toEqual(signals[1]);
  for (const session of sessions) expect(await end(session)).toBe(0);
});

test('what the operator said of one setting stays, and is all', async () => {
  const session = await serve('sync', { MIMALLOC_PURGE_DELAY: '7' });
  expect(linesOf(session.pid, 'environ').filter((line) => /^(BUN|MIMALLOC)/.test(line))).toEqual([
    'MIMALLOC_PURGE_DELAY=7',
  ]);
  expect(await end(session)).toBe(0);
});

test('where the kernel refuses it, the session goes on without', async () => {
  // strace does not count the call by which it starts the program.
  const refusing = ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=execve', '-e', 'inject=execve:error=EACCES:when=1+'];
  const session = await serve('put', {}, ['strace', ...refusing]);
  const pid = Number(readFileSync(`/proc/${session.pid}/task/${session.pid}/children`, 'utf8').trim().split(' ')[0]);
  expect(linesOf(pid, 'cmdline')).toContain('serve');
  expect(linesOf(pid, 'environ').filter((line) => /^(BUN|MIMALLOC)/.test(line))).toEqual([]);
  expect(await end(session)).toBe(0);
});

test('a session that is only read from is not worth it', async () => {
  for (const rights of ['get', 'status,get']) {
    const session = await serve(rights);
    expect(linesOf(session.pid, 'environ').filter((line) => /^(BUN|MIMALLOC)/.test(line))).toEqual([]);
    expect(await end(session)).toBe(0);
  }
});
