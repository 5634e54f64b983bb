import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { agentAddress } from '../../../packages/core/src/agent/agent-address.ts';
import { AgentServer, type AgentWork } from '../../../packages/core/src/agent/agent-server.ts';
import { type AgentRequest, askAgent } from '../../../packages/core/src/agent/client.ts';
import { silentLog } from '../../../packages/core/src/base/log.ts';
import { waitFor } from '../../support/wait-for.ts';
import { temporaryDirectory } from '../files/temporary-directory.ts';
import { ManualClock } from '../session/manual-clock.ts';

interface Agent {
  child: ChildProcess;
  socket: string;
  said: () => string;
  exited: Promise<number | null>;
}

function startAgent(state: string, { idleMs = 60_000, program = process.execPath } = {}): Agent {
  const script = join(import.meta.dirname, 'agent-program.ts');
  const child = spawn(program, [script, state, String(idleMs)], { stdio: ['ignore', 'ignore', 'pipe'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  let text = '';
  child.stderr.on('data', (bytes: Buffer) => {
    text += bytes.toString();
  });
  const exited = once(child, 'close').then(([status]) => status as number | null);
  return { child, socket: join(state, 'push-1.2-3.sock'), said: () => text, exited };
}

async function runningAgent(state = temporaryDirectory(), options = {}): Promise<Agent> {
  const agent = startAgent(state, options);
  await waitFor(() => agent.said().includes('agent started'), { what: `the agent to start: ${agent.said()}` });
  return agent;
}

function asking(...args: string[]): AgentRequest {
  return { program: process.execPath, kind: 'call', args, workingDirectory: '/', environment: {} };
}

/** Work that is never done. */
const patientWork: AgentWork = {
  deadlineMs: () => Promise.resolve(1000),
  call: () => new Promise(() => undefined),
  isBusy: () => false,
  describe: () => ({}),
  stop: () => undefined,
};

describe('an agent', () => {
  test('answers calls with what its work says, several at a time', async () => {
    const { socket } = await runningAgent();
    const answers = await Promise.all(['a', 'b', 'c'].map((word) => askAgent(socket, asking(word))));
    expect(answers).toEqual(['a', 'b', 'c'].map((stdout) => ({ status: 0, stdout })));
  });

  test('has one answer for a call that takes a moment, and no word about waiting', async () => {
    const clock = new ManualClock();
    const address = agentAddress(temporaryDirectory(), 'push', '1.2-3');
    const call = async () => {
      await setTimeout(10);
      return { status: 7 };
    };
    const server = new AgentServer(
      { address, build: '1.0-test', idleMs: 60_000, clock, log: silentLog },
      { ...patientWork, call },
    );
    const running = server.run();
    await waitFor(() => existsSync(address.socketPath), { what: 'the agent to listen' });
    const said = async (request: AgentRequest) => {
      const client = connect(address.socketPath);
      client.write(`${JSON.stringify(request)}\n`);
      return (await Array.fromAsync(client)).join('');
    };
    expect(await said(asking('a'))).toBe('{"status":7}\n');
    await said({ ...asking(), kind: 'stop' });
    await running;
  });

  test('answers a call that fails with the status of the failure', async () => {
    const { socket } = await runningAgent();
    expect(await askAgent(socket, asking('fail'))).toEqual({ status: 15, stderr: 'other content' });
  });

  test('says its status', async () => {
    const { socket, child } = await runningAgent();
    await askAgent(socket, asking('a'));
    const status = await askAgent(socket, { ...asking(), kind: 'status' });
    expect(status).toMatchObject({ status: 0, stdout: expect.stringContaining(`pid=${child.pid} `) });
    expect(status).toMatchObject({ stdout: expect.stringContaining('calls=1 shipped=7') });
  });

  test.each(['garbage\n', '{}\n', 'null\n', '{"kind":"call"}\n', 'x'.repeat(300_000), ''])(
    'survives a client that says %.20j',
    async (text) => {
      const { socket } = await runningAgent();
      const client = connect(socket);
      client.on('error', () => undefined);
      client.end(text);
      await once(client, 'close');
      expect(await askAgent(socket, asking('a'))).toEqual({ status: 0, stdout: 'a' });
    },
  );

  test('that is the second for a data directory ends at once, and the first goes on', async () => {
    const state = temporaryDirectory();
    const first = await runningAgent(state);
    const second = startAgent(state);
    expect(await second.exited).toBe(0);
    expect(second.said()).toContain('there is one already');
    expect(await askAgent(first.socket, asking('a'))).toEqual({ status: 0, stdout: 'a' });
  });

  test('of many that start at the same time is one', async () => {
    const state = temporaryDirectory();
    const agents = Array.from({ length: 4 }, () => startAgent(state));
    const socket = join(state, 'push-1.2-3.sock');
    await waitFor(async () => typeof (await askAgent(socket, asking('a'))) !== 'string', { what: 'one to answer' });
    await waitFor(() => agents.filter((agent) => agent.said().includes('there is one already')).length === 3, {
      what: 'the others to end',
    });
  });

  test('takes the place of one that was killed, over its stale socket', async () => {
    const state = temporaryDirectory();
    const first = await runningAgent(state);
    first.child.kill('SIGKILL');
    await first.exited;
    expect(existsSync(first.socket)).toBe(true);
    expect(await askAgent(first.socket, asking('a'))).toBe('none');
    const second = await runningAgent(state);
    expect(await askAgent(second.socket, asking('a'))).toEqual({ status: 0, stdout: 'a' });
  });

  test('takes the place of a file that is no socket', async () => {
    const state = temporaryDirectory();
    writeFileSync(join(state, 'push-1.2-3.sock'), '');
    const { socket } = await runningAgent(state);
    expect(await askAgent(socket, asking('a'))).toEqual({ status: 0, stdout: 'a' });
  });

  test('has a socket for its own user alone', async () => {
    const state = temporaryDirectory();
    await runningAgent(state);
    expect(readdirSync(state).sort()).toEqual(['push-1.2-3.lock', 'push-1.2-3.sock']);
  });
});

describe('an agent ends', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s, leaving no socket, also while a call is under way',
    async (signal) => {
      const agent = await runningAgent();
      const asked = askAgent(agent.socket, asking('wait'));
      await waitFor(
        async () => JSON.stringify(await askAgent(agent.socket, { ...asking(), kind: 'status' })).includes('calls=1'),
        {
          what: 'the call to be under way',
        },
      );
      agent.child.kill(signal);
      expect(await agent.exited).toBe(0);
      expect(existsSync(agent.socket)).toBe(false);
      expect(await asked).toBe('broken');
    },
  );

  test('when it is asked to, and whoever asks hears of it', async () => {
    const agent = await runningAgent();
    expect(await askAgent(agent.socket, { ...asking(), kind: 'stop' })).toEqual({ status: 0 });
    expect(await agent.exited).toBe(0);
    expect(existsSync(agent.socket)).toBe(false);
  });

  test('when nobody called for its idle time', async () => {
    const agent = await runningAgent(temporaryDirectory(), { idleMs: 50 });
    expect(await agent.exited).toBe(0);
    expect(agent.said()).toContain('reason=idle');
    expect(existsSync(agent.socket)).toBe(false);
  });

  test('for idleness although somebody looks at its status again and again', async () => {
    const agent = await runningAgent(temporaryDirectory(), { idleMs: 400 });
    const look = { ...asking(), kind: 'status' } as const;
    const isGone = async () => typeof (await askAgent(agent.socket, look)) === 'string';
    expect(await isGone()).toBe(false);
    await waitFor(isGone, { what: 'the agent to end', intervalMs: 50 });
    expect(await agent.exited).toBe(0);
    expect(agent.said()).toContain('reason=idle');
  });

  test('not for idleness while a client waits', async () => {
    const clock = new ManualClock();
    const state = temporaryDirectory();
    const address = agentAddress(state, 'push', '1.2-3');
    const server = new AgentServer({ address, build: '1.0-test', idleMs: 20, clock, log: silentLog }, patientWork);
    let ended = false;
    const running = server.run().then(() => {
      ended = true;
    });
    await waitFor(() => existsSync(address.socketPath), { what: 'the agent to listen' });
    const client = connect(address.socketPath);
    client.write(`${JSON.stringify(asking('wait'))}\n`);
    await waitFor(() => clock.sleeperCount > 0, { what: 'the agent to work' });
    clock.advance(1000);
    const [word] = (await once(client, 'data')) as [Buffer];
    expect(word.toString()).toBe('{"waitMs":1000}\n');
    for (let round = 0; round < 3; round++) {
      clock.advance(1000);
      const looks = clock.looks;
      // Each look at its idleness is two at the clock, or three.
      await waitFor(() => clock.looks > looks + 3, { what: 'the agent to look at the clock', intervalMs: 5 });
    }
    expect(ended).toBe(false);
    client.destroy();
    await waitFor(() => (clock.advance(1000), ended), { what: 'the agent to end' });
    await running;
  });

  test('for a client of another program, and says that it retires', async () => {
    const agent = await runningAgent();
    expect(await askAgent(agent.socket, { ...asking('a'), program: '/usr/local/bin/archive2' })).toBe('retired');
    expect(await agent.exited).toBe(0);
    expect(existsSync(agent.socket)).toBe(false);
  });

  test('when its own program file was replaced', async () => {
    const directory = temporaryDirectory();
    const program = join(directory, 'bun');
    copyFileSync(process.execPath, program);
    const agent = await runningAgent(temporaryDirectory(), { program });
    expect(await askAgent(agent.socket, { ...asking('a'), program })).toEqual({ status: 0, stdout: 'a' });
    rmSync(program);
    copyFileSync(process.execPath, program);
    expect(await askAgent(agent.socket, { ...asking('a'), program })).toBe('retired');
    expect(await agent.exited).toBe(0);
  });

  test('and the next one may start at once, and keeps its socket', async () => {
    const state = temporaryDirectory();
    let agent = await runningAgent(state);
    for (let round = 0; round < 3; round++) {
      const asked = askAgent(agent.socket, asking('wait'));
      const stopped = askAgent(agent.socket, { ...asking(), kind: 'stop' });
      await waitFor(() => agent.said().includes('agent ends'), { what: 'the agent to end' });
      const next = await runningAgent(state);
      await stopped;
      await asked;
      await agent.exited;
      expect(await askAgent(next.socket, asking('a'))).toEqual({ status: 0, stdout: 'a' });
      agent = next;
    }
  });
});
