import type { Clock } from '@archive2/core/base/clock.ts';
import { Failure, toFailure } from '@archive2/core/base/failure.ts';
import type { FailureCode } from '@archive2/core/base/failure-table.ts';
import type { Log } from '@archive2/core/base/log.ts';
import type { ArchiveSession } from '@archive2/core/hosts/archive-session.ts';
import type { HostPool } from '@archive2/core/hosts/host-pool.ts';
import type { HostSpec } from '@archive2/core/hosts/host-spec.ts';
import { type PutHeader, type PutVerdict, putFile } from '@archive2/core/hosts/put.ts';
import type { EncodedBody } from './encoded-body.ts';
import { HostRace } from './host-race.ts';
import { nobodyWatches, type ShipWatcher } from './ship-watcher.ts';

export interface ShipWorld {
  pool: HostPool;
  minCopies: 1 | 2;
  preferredWaitMs: number;
  /** Default: nobody. */
  watcher?: ShipWatcher;
  clock: Clock;
  log: Log;
}

/**
 * Refusals of the file itself: the other host would have to refuse it too, and must not be asked to keep what this one
 * refused.
 */
const fileRefusals: ReadonlySet<FailureCode> = new Set([
  'bad_name',
  'bad_source',
  'source_changed',
  'bad_page_header',
  'wrong_cluster',
  'conflict',
  'too_far_ahead',
  'quarantine_full',
]);

/**
 * Sends a file to the archive hosts, in their order as far as they answer, until `minCopies` different archives have confirmed it: what the first one
 * forwarded counts, and an archive that one of them has a pledge with must be among them. Throws the Failure of the file, or of the hosts; then nothing is promised, and nothing is lost.
 */
export async function shipFile(world: ShipWorld, header: PutHeader, body: EncodedBody): Promise<void> {
  const { pool, minCopies, clock, watcher = nobodyWatches } = world;
  const copies = new Set<string>();
  // By a pledge between the hosts: one of them relies on having what is acknowledged.
  const pledgedWith = new Set<string>();
  const failures: Failure[] = [];
  const race = new HostRace(pool, world.clock, world.preferredWaitMs);
  for (let host = await race.next(); host !== undefined; host = await race.next()) {
    if (failures.length > 0) watcher.retried();
    const begunMs = clock.monotonicMs();
    try {
      // A file that one host has by now may be on its way to the next one already: ask by digest.
      const askFirst = copies.size > 0 || failures.some((failure) => failure.details['sent'] === 1);
      const asking = {
        ...header,
        minCopies,
        ...(askFirst ? { digest: await body.rawDigest() } : {}),
        // Whoever comes to the second host without needing both comes because the first one is away.
        ...(minCopies === 1 && !pool.isPreferred(host) ? { peerAway: true } : {}),
      };
      const verdict = await putTo(world, host, race.session(host), asking, body);
      watcher.confirmed(host, verdict, { isFirst: copies.size === 0, begunMs });
      copies.add(verdict.storeId);
      if (verdict.peerState === 'stored' && verdict.peerStoreId !== undefined) copies.add(verdict.peerStoreId);
      if (verdict.pledgedWith !== undefined) pledgedWith.add(verdict.pledgedWith);
      if (copies.size >= minCopies && [...pledgedWith].every((storeId) => copies.has(storeId))) return;
    } catch (error) {
      const failure = toFailure(error);
      if (fileRefusals.has(failure.code)) throw failure;
      failures.push(atHost(failure, host));
    }
  }
  throw summary(minCopies, copies.size, failures);
}

async function putTo(
  { pool }: ShipWorld,
  host: HostSpec,
  opening: Promise<ArchiveSession>,
  header: PutHeader,
  body: EncodedBody,
): Promise<PutVerdict> {
  const session = await opening;
  try {
    const verdict = await putFile(session, header, body);
    pool.succeeded(host);
    return verdict;
  } catch (error) {
    const failure = toFailure(error);
    // A waiting successor of a failed file, or a pledge with a host that is away, says nothing about this host.
    if (!fileRefusals.has(failure.code) && failure.code !== 'predecessor_failed' && failure.code !== 'pledged') {
      if (session.isOpen) pool.failed(host, failure.message);
      else pool.lost(host, session, failure.message);
    }
    throw withSent(failure, host);
  }
}

/** Marks a failure as one after which the host may have the file all the same. */
function withSent(failure: Failure, host: HostSpec): Failure {
  return atHost(failure, host, { sent: 1 });
}

/** The same failure, with the host as the call names it. */
function atHost(failure: Failure, host: HostSpec, details: Failure['details'] = {}): Failure {
  return new Failure(failure.code, failure.message, {
    ...(failure.hint === undefined ? {} : { hint: failure.hint }),
    cause: failure.cause ?? failure,
    details: { host: host.text, ...failure.details, ...details },
  });
}

function summary(minCopies: number, copies: number, failures: readonly Failure[]): Failure {
  const [first] = failures;
  const said = failures.map((failure) => `${failure.details['host'] ?? 'host'}: ${failure.message}`).join('; ');
  const hint = failures.find((failure) => failure.hint !== undefined)?.hint;
  const options = hint === undefined ? {} : { hint };
  const pledged = failures.find((failure) => failure.code === 'pledged');
  if (pledged !== undefined) {
    return new Failure('pledged', said, pledged.hint === undefined ? {} : { hint: pledged.hint });
  }
  if (copies >= minCopies) {
    return new Failure(
      'copies_missing',
      'durable on two archives, but not on the one that the archive host has a pledge with',
      {
        hint: 'Name the same two hosts as before, or see "archive_remote_cmd pledge" in the README.',
      },
    );
  }
  if (copies > 0) {
    return new Failure('copies_missing', `durable on ${copies} of ${minCopies} archive hosts (${said})`, options);
  }
  if (first === undefined) return new Failure('internal', 'no archive host was asked');
  return new Failure(first.code, said, options);
}
