import { Failure, systemErrorCode, toFailure } from '@archive2/core/base/failure.ts';
import { programVersion } from '@archive2/core/cli/version.ts';
import { widenPipe } from '@archive2/core/files/pipe-door.ts';
import { removeStaleParts } from '@archive2/core/files/stale-parts.ts';
import { FrameWriter } from '@archive2/core/hosts/frame-writer.ts';
import { type Peer, peerOfHint } from '@archive2/core/hosts/peer.ts';
import { errorMessage, preamble } from '@archive2/core/protocol/messages.ts';
import { PayerStarter } from '../pay/start-payer.ts';
import { connectPeer, openStore, type RemoteRun } from '../remote-run.ts';
import { PeerLink } from './peer-link.ts';
import { ServeSession } from './serve-session.ts';

/** Serves one session on stdin and stdout. Throws the Failure that ended it early. */
export async function runServe(run: RemoteRun): Promise<void> {
  const { options, clock, log, events, activity } = run;
  if (options.rights.size === 0) throw new Failure('usage', '--allow names no right: the session could do nothing');
  const store = await openOrTell(run);
  const end = new AbortController();
  const leftovers = removeLeftoversInTime(run, end.signal);
  const starters: PayerStarter[] = [];
  const link = (peer: Peer): PeerLink => {
    const starter = payerStarter(run, peer);
    starters.push(starter);
    return linkTo(run, peer, starter);
  };
  const peer = options.peer === undefined ? undefined : link(options.peer);
  await payOldDebts(peer);
  const session = new ServeSession(
    {
      directory: options.directory,
      store,
      cluster: options.cluster,
      rights: options.rights,
      peer,
      peerOfHint: (hint) => {
        const hinted = peerOfHint(hint);
        return hinted === undefined ? undefined : link(hinted);
      },
      peerWaitMs: options.peerWaitMs,
      cleanup: {
        keepMs: options.keepMs,
        maxRemoveFraction: options.maxRemoveFraction,
        trustPeerBackups: options.trustPeerBackups,
      },
      program: programVersion,
      clock,
      log,
      events,
      activity,
    },
    process.stdout,
  );
  for (const fileDescriptor of [0, 1]) widenPipe(fileDescriptor);
  try {
    await session.run(process.stdin);
  } finally {
    end.abort();
    await leftovers;
    for (const starter of starters) await starter.settled();
  }
}

/** A peer that compares the whole archive lists it at once: this listing waits until that one is over. */
const peerFirstMs = 2000;

async function removeLeftoversInTime(run: RemoteRun, end: AbortSignal): Promise<void> {
  const { rights } = run.options;
  // A monitoring key looks often, and is to leave everything as it is.
  if (rights.size === 1 && rights.has('status')) return;
  if (!rights.has('put')) await run.clock.sleep(peerFirstMs, end);
  await removeLeftovers(run);
}

/**
 * Removes what dead writers left of segments, of the identity and of the state. It is a matter of space alone: where it fails, on a
 * read-only disk for one, what is there can still be read.
 */
async function removeLeftovers({ options: { directory }, clock, log }: RemoteRun): Promise<void> {
  let count = 0;
  for (const path of [directory.walDirectory, directory.path, directory.stateDirectory]) {
    try {
      count += (await removeStaleParts(path, clock.nowMs())).length;
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') continue;
      log.warning('stale files of dead writers not removed', { path, reason: toFailure(error).message });
    }
  }
  if (count > 0) log.info('stale files of dead writers removed', { count });
}

/** A client that only saw the connection close could not know why: the refusal goes through the protocol. */
async function openOrTell(run: RemoteRun) {
  try {
    return await openStore(run);
  } catch (error) {
    process.stdout.write(preamble);
    new FrameWriter(process.stdout).send(errorMessage(toFailure(error)));
    throw error;
  }
}

function linkTo(run: RemoteRun, peer: Peer, starter: PayerStarter): PeerLink {
  const { options, clock, log } = run;
  return new PeerLink({
    name: peer.name,
    connect: () => connectPeer(run, peer),
    cooldownMs: options.peerCooldownMs,
    directory: options.directory,
    startPaying: () => starter.start(),
    clock,
    log,
  });
}

function payerStarter(run: RemoteRun, peer: Peer): PayerStarter {
  const { options, environment, clock, log } = run;
  return new PayerStarter({
    directory: options.directory,
    cluster: options.cluster,
    peer: { name: peer.name, spec: peer.spec.text },
    environment,
    flags: [
      `--connect-timeout=${options.connectTimeoutMs / 1000}`,
      `--stall-timeout=${options.stallTimeoutMs / 1000}`,
      `--probe-interval=${options.probeIntervalMs / 1000}`,
      `--repair-rate=${options.repairBytesPerSecond / 1024 / 1024}`,
      `--remote-cmd=${options.remoteProgram}`,
    ],
    clock,
    log,
  });
}

/** Debts whose payer was killed, or lost in a power cut, wait for no new one. */
async function payOldDebts(peer: PeerLink | undefined): Promise<void> {
  if (peer !== undefined && (await peer.debts.count()) > 0) peer.startPaying();
}
