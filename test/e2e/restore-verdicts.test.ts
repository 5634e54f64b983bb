import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { agentAddress, dataDirectoryId } from '../../packages/core/src/agent/agent-address.ts';
import { REPOSITORY_ROOT } from '../support/repository.ts';
import { temporaryDirectory } from '../unit/files/temporary-directory.ts';

const name = '000000010000000000000001';
const target = 'pg_wal/RECOVERYXLOG';

interface Called {
  status: number | null;
  stderr: string;
  /** What lies where PostgreSQL wanted the file. */
  content: string | undefined;
}

/** Calls the built restore_cmd in a data directory whose agent says this, whatever it is asked; %HELD% is a file of the agent's. */
async function callWith(signalFile: string, verdict: Record<string, unknown>): Promise<Called> {
  const directory = temporaryDirectory();
  const [data, state, held] = [join(directory, 'data'), join(directory, 'state'), join(directory, 'held')];
  mkdirSync(join(data, 'pg_wal'), { recursive: true });
  mkdirSync(state, { mode: 0o700 });
  writeFileSync(join(data, signalFile), '');
  writeFileSync(held, 'WAL');
  const answer = JSON.stringify(verdict).replace('%HELD%', held);
  const server = createServer((socket) => socket.once('data', () => socket.end(`${answer}\n`)));
  server.listen(agentAddress(state, 'get', dataDirectoryId(data) ?? '').socketPath);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const words = ['arch1 arch2', '/storage/main/logs.complete', name, target];
  const program = spawn(join(REPOSITORY_ROOT, 'bin/restore_cmd'), words, {
    cwd: data,
    env: { ...process.env, ARCHIVE2_STATE_DIR: state },
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 20_000,
  });
  let stderr = '';
  program.stderr.on('data', (text: Buffer) => {
    stderr += text.toString();
  });
  const [status] = (await once(program, 'close')) as [number | null];
  const path = join(data, target);
  return { status, stderr, content: existsSync(path) ? readFileSync(path, 'utf8') : undefined };
}

describe.each([
  ['recovery.signal', 126],
  ['standby.signal', 1],
])('with %s, restore_cmd', (signalFile, failure) => {
  test('is 0 with the file in place', async () => {
    expect(await callWith(signalFile, { status: 0, deliver: '%HELD%' })).toEqual({
      status: 0,
      stderr: '',
      content: 'WAL',
    });
  });

  test('is 0 for nothing else that an agent says', async () => {
    const nothing = { status: failure, content: undefined };
    expect(await callWith(signalFile, { status: 0 })).toMatchObject(nothing);
    expect(await callWith(signalFile, { status: 0, deliver: '/nowhere/held' })).toMatchObject(nothing);
  });

  test('is 1 for what is absent, and what stops a recovery otherwise', async () => {
    expect(await callWith(signalFile, { status: 1 })).toMatchObject({ status: 1, content: undefined });
    for (const status of [2, 70, 125, 255]) {
      expect(await callWith(signalFile, { status, stderr: 'why\n' })).toEqual({
        status: failure,
        stderr: 'why\n',
        content: undefined,
      });
    }
  });
});
