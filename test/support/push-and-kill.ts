import { expect } from 'vitest';
import type { ArchiveHost } from './archive-host.ts';
import { CallTracer } from './call-tracer.ts';
import type { FaultCluster, Role } from './fault-cluster.ts';
import { waitFor } from './wait-for.ts';

/** A traced session is slow, and is not to be given up for that: a killed one is noticed at once. */
const patient = ['--no-agent', '--connect-timeout=15', '--stall-timeout=15', '--preferred-wait=15'];

/**
 * Pushes a file and kills sessions of this role on a host at one of their calls; the call has to fail over, and the retry
 * to succeed. Returns which call it was; undefined when there are not so many.
 */
export async function pushAndKill(
  cluster: FaultCluster,
  { host, role, at, pattern }: { host: ArchiveHost; role: Role; at: number; pattern: RegExp },
): Promise<string | undefined> {
  const tracer = new CallTracer(host.machine, { action: 'kill', at, pattern });
  cluster.wrap(host, role, tracer.words);
  const name = cluster.segment();
  const result = await cluster.push(name, { flags: patient });
  expect(result, `killed at call ${at}: ${tracer.calls().at(-1)}`).toMatchObject({ status: 0 });
  // A peer that was too slow for the call comes to its calls later, for the debt.
  const isSettled = () => cluster.has(host, name) && cluster.debts(cluster.peerOf(host)).length === 0;
  await waitFor(() => tracer.isReached || isSettled(), { what: `${name} to be settled`, intervalMs: 5 });
  const killedAt = tracer.isReached ? tracer.calls()[at - 1] : undefined;
  cluster.unwrap();
  expect(await cluster.push(name), `after ${killedAt}`).toMatchObject({ status: 0 });
  return killedAt?.replaceAll(/\w{24}/g, 'NAME').replace(` ${cluster.directory}`, ' DIRECTORY');
}

/**
 * Calls `kill` with 1, 2 and so on until it has killed nothing, and returns what it killed at. On a busy computer a
 * session may have been given up before its end: only twice in a row means that there is no such call.
 */
export async function killAtEachCall(kill: (at: number) => Promise<string | undefined>): Promise<string[]> {
  const killedAt: string[] = [];
  for (;;) {
    const at = killedAt.length + 1;
    const call = (await kill(at)) ?? (await kill(at));
    if (call === undefined) return killedAt;
    killedAt.push(call);
  }
}
