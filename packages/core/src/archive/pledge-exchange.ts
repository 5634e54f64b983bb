import { Failure } from '../base/failure.ts';
import type { ArchiveSession } from '../hosts/archive-session.ts';
import { askForPledge, askToUnpledge } from '../hosts/ask.ts';
import { listArchiveNames } from './newest-segments.ts';
import { type KnownWal, knownWal, type Pledge, uniteKnownWal } from './pledge.ts';
import { PledgeFile } from './pledge-file.ts';
import type { WalStore } from './wal-store.ts';

/** What fits in one frame header, with room to spare. */
const maxKnownNames = 1000;

/** True when both hosts rely on a pledge with each other already. */
async function isHeld(store: WalStore, file: PledgeFile, session: ArchiveSession): Promise<boolean> {
  const { storeId, pledgedWith } = session.hello;
  return pledgedWith === (await store.storeId()) && (await file.reliable())?.partner === storeId;
}

/**
 * Agrees with the peer that from now on nothing is acknowledged that is not on both hosts; false when the peer is of a release that
 * knows no pledges, or has no identity. What either of them has by now is written down, because one of them may lack it.
 */
export async function makePledge(store: WalStore, session: ArchiveSession): Promise<boolean> {
  const { storeId: partner, pledgedWith } = session.hello;
  // An older host takes the question for the end of the session.
  if (partner === undefined || pledgedWith === undefined) return false;
  const file = new PledgeFile(store.directory, store.options.clock);
  if (await isHeld(store, file, session)) return true;
  return await file.alone(async () => {
    // Binding first, then looking: what is acknowledged from here on is on both, what was before is seen.
    await file.write('pending', partner, { newest: [], histories: [] });
    const ours = await known(store);
    const theirs = await askForPledge(session, { storeId: await store.storeId(), ...ours });
    await file.write('held', partner, uniteKnownWal(ours, theirs));
    return true;
  });
}

/** The peer's side of `makePledge`: what this host has, for the peer to write down too. */
export async function acceptPledge(store: WalStore, partner: string, theirs: KnownWal): Promise<KnownWal> {
  const file = new PledgeFile(store.directory, store.options.clock);
  return await file.alone(async () => {
    await file.write('pending', partner, { newest: [], histories: [] });
    const ours = await known(store);
    await file.write('held', partner, uniteKnownWal(ours, theirs));
    return ours;
  });
}

/**
 * Ends this host's pledge, because a sender asks for one copy only, and tells the partner, which must not rely on it any more. Returns
 * when both have durably done so. Throws the Failure of a partner that cannot be told: the pledge then binds as before.
 */
export async function endPledge(store: WalStore, connect: () => Promise<ArchiveSession>): Promise<void> {
  const file = new PledgeFile(store.directory, store.options.clock);
  await file.alone(() => markEnded(file));
  // Outside the lock: whoever opens the session tells the partner of it too.
  const session = await connect();
  await file.alone(async () => {
    const pledge = await markEnded(file);
    if (pledge === undefined) return;
    await tellPartner(store, session, pledge.partner);
    await file.remove();
  });
}

async function markEnded(file: PledgeFile): Promise<Pledge | undefined> {
  const pledge = await file.read();
  if (pledge?.state === 'pending' || pledge?.state === 'held') await file.write('ended', pledge.partner, pledge);
  return pledge;
}

/** Where another archive has come under the partner's name, there is nobody to tell. A waived pledge may not name the partner. */
async function tellPartner(store: WalStore, session: ArchiveSession, partner: string): Promise<void> {
  const { storeId } = session.hello;
  if (storeId === undefined) throw new Failure('disk_error', `${session.host} cannot say which archive it is`);
  if (storeId === partner || partner === '') await askToUnpledge(session, await store.storeId());
}

/** The partner's side of `endPledge`: from now on a "no" of this host speaks for itself alone. */
export async function acceptUnpledge(store: WalStore, partner: string): Promise<void> {
  const file = new PledgeFile(store.directory, store.options.clock);
  await file.alone(async () => {
    if ((await file.read())?.partner === partner) await file.remove();
  });
}

/**
 * Tells a peer that is back of a pledge that ended while it was away, or that this archive does not know of, as it was put back from an
 * older copy. Nothing to do is nothing done.
 */
export async function tellOfEndedPledge(store: WalStore, session: ArchiveSession): Promise<void> {
  const pledge = await new PledgeFile(store.directory, store.options.clock).read();
  const own = await store.storeId();
  if (pledge?.state === 'ended' || pledge?.state === 'waived') await endPledge(store, async () => session);
  else if (pledge === undefined && session.hello.pledgedWith === own) await askToUnpledge(session, own);
}

async function known(store: WalStore): Promise<KnownWal> {
  const ours = knownWal(await listArchiveNames(store.directory.walDirectory));
  if (ours.newest.length + ours.histories.length <= maxKnownNames) return ours;
  throw new Failure('check_failed', 'the archive has too many timelines for a pledge of two copies');
}
