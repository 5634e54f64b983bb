import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type AgentRequest, askAgent } from '../../../packages/core/src/agent/client.ts';
import { waitFor } from '../../support/wait-for.ts';
import { temporaryDirectory } from '../files/temporary-directory.ts';
import { fakeAgent } from './fake-agent.ts';

const request: AgentRequest = {
  program: process.execPath,
  kind: 'call',
  args: ['arch1 arch2', '/storage/main/logs.complete', 'pg_wal/0', '0', 'main'],
  workingDirectory: '/',
  environment: { HOME: '/root' },
};

/** `setTimeout` that runs out at once when it is for this time; all others are left as they are. */
function timersRunOut(isDue: (ms: number) => boolean): void {
  const original = setTimeout;
  vi.stubGlobal('setTimeout', (work: () => void, ms = 0) => original(work, isDue(ms) ? 20 : ms));
}

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('nobody listens', () => {
  test.each([
    ['where nothing is', (path: string) => path],
    ['on a file', (path: string) => (writeFileSync(path, ''), path)],
    ['on a directory', (path: string) => (mkdirSync(path), path)],
    ['under a name that is too long for a socket', (path: string) => `${path}${'x'.repeat(200)}`],
    ['in a directory that is not there', (path: string) => `${path}/x/y.sock`],
  ])('%s', async (_where, prepare) => {
    expect(await askAgent(prepare(join(temporaryDirectory(), 'a.sock')), request)).toBe('none');
  });
});

describe('an agent', () => {
  test('hears the whole request on one line, and its verdict is taken', async () => {
    const agent = await fakeAgent((socket) => socket.end('{"status":0}\n'));
    expect(await askAgent(agent.path, request)).toEqual({ status: 0 });
    expect(agent.asked).toEqual([`${JSON.stringify(request)}\n`]);
  });

  test('hears also a request that is larger than the socket takes at once', async () => {
    const agent = await fakeAgent((socket) => socket.end('{"status":0}\n'));
    const large = { ...request, args: ['x'.repeat(3_000_000)] };
    expect(await askAgent(agent.path, large)).toEqual({ status: 0 });
    expect(agent.asked[0]?.length).toBe(JSON.stringify(large).length + 1);
  });

  test('may say what to print and what to deliver', async () => {
    const verdict = { status: 15, stderr: 'error: ä\n', stdout: 'x', deliver: '/a/b' };
    const agent = await fakeAgent((socket) => socket.end(`${JSON.stringify({ ...verdict, more: 1 })}\n`));
    expect(await askAgent(agent.path, request)).toEqual(verdict);
  });

  test('may first say that it takes a while', async () => {
    const agent = await fakeAgent((socket) => {
      socket.write('{"waitMs":30000}\n');
      setTimeout(() => socket.end('{"status":0}\n'), 20);
    });
    expect(await askAgent(agent.path, request)).toEqual({ status: 0 });
  });

  test('that answers in pieces is understood, whatever the pieces', async () => {
    const text = '{"waitMs":1000}\n{"status":42,"stderr":"no"}\n';
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: text.length - 1 }), { maxLength: 4 }), async (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), text.length];
        const agent = await fakeAgent((socket) => {
          const send = (index: number): void => {
            const [from, to] = [places[index], places[index + 1]];
            if (from === undefined || to === undefined) return;
            socket.write(text.slice(from, to), () => setImmediate(() => send(index + 1)));
          };
          send(0);
        });
        expect(await askAgent(agent.path, request)).toEqual({ status: 42, stderr: 'no' });
      }),
      { numRuns: 10 },
    );
  });

  test('that retires says so', async () => {
    const agent = await fakeAgent((socket) => socket.end('{"retired":true}\n'));
    expect(await askAgent(agent.path, request)).toBe('retired');
  });

  test.each([
    '\n',
    'garbage\n',
    '{\n',
    'null\n',
    '[]\n',
    '1\n',
    '"0"\n',
    '{}\n',
    '{"status":"0"}\n',
    '{"status":null}\n',
    '{"waitMs":-1}\n',
    '{"waitMs":1e12}\n',
    '{"waitMs":"5"}\n',
    '{"retired":"yes"}\n',
    '\u0000\u0001\u0002\n',
  ])('that answers %j is broken: never is that taken for success', async (line) => {
    const agent = await fakeAgent((socket) => socket.end(line));
    expect(await askAgent(agent.path, request)).toBe('broken');
  });

  test.each([
    ['without a word', ''],
    ['in the middle of its verdict', '{"status":0'],
    ['at the end of its verdict, but not of the line', '{"status":0}'],
    ['after it said that it takes a while', '{"waitMs":1000}\n'],
  ])('that closes the connection %s is broken', async (_when, text) => {
    const agent = await fakeAgent((socket) => socket.end(text));
    expect(await askAgent(agent.path, request)).toBe('broken');
  });

  test('that resets the connection is broken', async () => {
    const agent = await fakeAgent((socket) => socket.destroy());
    expect(await askAgent(agent.path, request)).toBe('broken');
  });

  test('that accepts and says nothing is silent', async () => {
    timersRunOut((ms) => ms === 5000);
    const agent = await fakeAgent(() => undefined);
    expect(await askAgent(agent.path, request)).toBe('silent');
    await waitFor(() => agent.connections() === 0, { what: 'the connection to be closed' });
  });

  test('that says how long it takes and then nothing is late, once that time and a little more are over', async () => {
    const waits: number[] = [];
    timersRunOut((ms) => {
      waits.push(ms);
      return ms === 32_000;
    });
    const agent = await fakeAgent((socket) => socket.write('{"waitMs":30000}\n'));
    expect(await askAgent(agent.path, request)).toBe('late');
    expect(waits).toContain(32_000);
  });

  test('that answers twice is taken at its first word', async () => {
    const agent = await fakeAgent((socket) => socket.end('{"status":70}\n{"status":0}\n'));
    expect(await askAgent(agent.path, request)).toEqual({ status: 70 });
  });
});
