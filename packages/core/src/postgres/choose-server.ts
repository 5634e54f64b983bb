import { Failure } from '../base/failure.ts';
import type { SessionWish } from './login-attempts.ts';
import type { ServerFacts } from './server-facts.ts';

/** One server of a connection string, and what it said; or why it did not. */
export interface Candidate<Server> {
  server: Server;
  /** For messages: "db1:5432". */
  name: string;
  facts: ServerFacts | undefined;
  problem: string | undefined;
}

/** A server that answered. */
export type Answered<Server> = Candidate<Server> & { facts: ServerFacts };

/**
 * The server to take a backup from: a standby, unless it is more than `maxLagBytes` behind, because then the primary has no work
 * with it; else the primary. `wish` is the connection string's target_session_attrs; without one `prefer-standby`. The lag of a
 * standby is known only where the primary answers too: without that it is taken only when a standby is what was asked for. Throws
 * Failure `server_unavailable`, and `wrong_cluster` when the servers are not of one cluster. Pure.
 */
export function chooseServer<Server>(
  candidates: readonly Candidate<Server>[],
  wish: SessionWish,
  maxLagBytes: number,
): Answered<Server> {
  const answered = candidates.filter((candidate): candidate is Answered<Server> => candidate.facts !== undefined);
  checkOneCluster(answered);
  const primary = answered.find(({ facts }) => !facts.isStandby);
  const standbys = answered.filter(({ facts }) => facts.isStandby);
  const isNear = (standby: Answered<Server>) => lagBytes(standby, primary) <= maxLagBytes;
  const choose = (): Answered<Server> | undefined => {
    switch (wish) {
      case 'any':
        return answered[0];
      case 'primary':
      case 'read-write':
        return primary;
      case 'standby':
      case 'read-only':
        return primary === undefined ? nearest(standbys) : nearest(standbys.filter(isNear));
      case 'prefer-standby':
        return nearest(standbys.filter(isNear)) ?? primary;
    }
  };
  const chosen = choose();
  if (chosen !== undefined) return chosen;
  throw new Failure(
    'server_unavailable',
    `no server fits ${wish}: ${candidates.map((it) => describe(it, primary)).join('; ')}`,
    {
      hint: 'Look at the servers, the connection string and --max-lag; a standby is taken only when its lag is known.',
    },
  );
}

function nearest<Server>(standbys: readonly Answered<Server>[]): Answered<Server> | undefined {
  return standbys.toSorted((a, b) => ((a.facts.lsn ?? 0n) < (b.facts.lsn ?? 0n) ? 1 : -1))[0];
}

function lagBytes<Server>(standby: Answered<Server>, primary: Answered<Server> | undefined): number {
  if (primary?.facts.lsn === undefined || standby.facts.lsn === undefined) return Number.POSITIVE_INFINITY;
  return Math.max(0, Number(primary.facts.lsn - standby.facts.lsn));
}

function checkOneCluster<Server>(answered: readonly Answered<Server>[]): void {
  const [first, ...others] = answered;
  const other = others.find(({ facts }) => facts.systemIdentifier !== first?.facts.systemIdentifier);
  if (first === undefined || other === undefined) return;
  throw new Failure('wrong_cluster', `${first.name} and ${other.name} are servers of different clusters`, {
    hint: 'Name the servers of one cluster in the connection string.',
  });
}

function describe<Server>(candidate: Candidate<Server>, primary: Answered<Server> | undefined): string {
  const { name, facts, problem } = candidate;
  if (facts === undefined) return `${name} does not answer (${problem ?? 'no reason given'})`;
  if (!facts.isStandby) return `${name} is a primary`;
  const lag = lagBytes({ ...candidate, facts }, primary);
  return `${name} is a standby, ${Number.isFinite(lag) ? `${lag} bytes behind` : 'how far behind is not known'}`;
}
