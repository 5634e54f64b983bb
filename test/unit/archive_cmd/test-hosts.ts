import { onTestFinished } from 'vitest';
import type { Clock } from '../../../packages/core/src/base/clock.ts';
import { Failure } from '../../../packages/core/src/base/failure.ts';
import { ArchiveSession } from '../../../packages/core/src/hosts/archive-session.ts';
import { HostPool } from '../../../packages/core/src/hosts/host-pool.ts';
import { parseHostList } from '../../../packages/core/src/hosts/host-spec.ts';
import type { ClientMessageOf } from '../../../packages/core/src/protocol/messages.ts';
import { ManualClock } from '../session/manual-clock.ts';
import { type RecordedLog, recordedLog } from '../session/recorded-log.ts';
import { type Script, ScriptedHost } from '../session/scripted-host.ts';
import { sessionOptions, type TestHost } from '../session/test-host.ts';

const walDirectory = '/storage/main/logs.complete';

/** How a host behaves: a script for its session, that script when it is there at last, or the failure of every attempt. */
export type Behaviour = Script | Failure | (() => Promise<Script>);

export interface TestHosts {
  pool: HostPool;
  clock: ManualClock;
  recorded: RecordedLog;
  /** Attempts to reach a host, by name. */
  attempts: Record<string, number>;
  sessions: Record<string, ScriptedHost[]>;
  puts: (host: string) => ClientMessageOf<'put'>[];
  /** Failures in a row that are remembered of a host. */
  failuresOf: (host: string) => number;
}

export const refused = (host: string): Failure => new Failure('host_unreachable', `${host}: connection refused`);

/** Two archive hosts that behave as the test says, behind the real pool and the real session. */
export function testHosts(behaviours: Record<string, Behaviour>, retryCount = 3): TestHosts {
  const clock = new ManualClock();
  const recorded = recordedLog();
  const attempts: Record<string, number> = {};
  const sessions: Record<string, ScriptedHost[]> = {};
  const failures: Record<string, number> = {};
  const pool = new HostPool({
    hosts: parseHostList(Object.keys(behaviours).join(' ')),
    policy: { retryCount, cooldownMs: 60_000 },
    cooldown: new Map(),
    onCooldownChange: (state) => {
      for (const host of Object.keys(behaviours)) failures[host] = state.get(host)?.failures ?? 0;
    },
    open: async ({ text }) => {
      attempts[text] = (attempts[text] ?? 0) + 1;
      const behaviour = behaviours[text];
      if (behaviour instanceof Failure) throw behaviour;
      const script = typeof behaviour === 'function' ? await behaviour() : behaviour;
      const host = new ScriptedHost(walDirectory, script, text);
      sessions[text] = [...(sessions[text] ?? []), host];
      const options = sessionOptions({ directory: { walDirectory } as TestHost['directory'] });
      return await ArchiveSession.open(host.channel, options);
    },
    clock: clock satisfies Clock,
    log: recorded.log,
  });
  onTestFinished(() => pool.stop());
  return {
    pool,
    clock,
    recorded,
    attempts,
    sessions,
    puts: (host) => (sessions[host] ?? []).flatMap((session) => session.puts()),
    failuresOf: (host) => failures[host] ?? 0,
  };
}

/** Refuses every file with this code when its body has ended. */
export function refusing(code: string): Script {
  return {
    on: (message, host) => {
      if (message.type === 'put' && message.digest !== undefined) host.send({ type: 'send', id: message.id });
      if (message.type === 'end') host.send({ type: 'error', id: message.id, code, message: `no: ${code}` });
    },
  };
}

/** The connection is lost as soon as a body begins. */
export const vanishing: Script = { on: (message, host) => message.type === 'data' && host.vanish() };
