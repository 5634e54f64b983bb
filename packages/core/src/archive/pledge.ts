import { type ArchiveFile, type ArchiveFileName, parseArchiveFileName } from '../wal/archive-file.ts';

/**
 * What two archive hosts hold from each other while every sender asks for two copies: nothing is acknowledged any more that is not on
 * both. Then the "no" of one of them is enough where the other one is gone: docs/decisions.md, "One host's no".
 *
 * `pending`: being agreed on. `held`: agreed on. Both bind this host; only a held one may be relied on. `ended`: a sender asked for
 * less, and the partner may still rely on it. `waived`: the same, and a person has accepted that.
 */
export type PledgeState = 'pending' | 'held' | 'ended' | 'waived';

export interface Pledge extends KnownWal {
  state: PledgeState;
  /** The storeId of the other archive. */
  partner: string;
  /** When this state began, ISO 8601. */
  since: string;
  /** The start of this machine and the directory in which it was made: another one may have come from an older copy. */
  bootId: string;
  place: string;
}

/** What was archived before a pledge was made, on either host: of this, one of them may lack what the other one has. */
export interface KnownWal {
  /** The newest full segment of each timeline. */
  newest: string[];
  histories: string[];
}

/** What these names say about earlier WAL. Pure. */
export function knownWal(names: readonly ArchiveFileName[]): KnownWal {
  const newest = new Map<number, string>();
  const histories = new Set<string>();
  for (const name of names) {
    const file = parseArchiveFileName(name);
    if (file.kind === 'history') histories.add(name);
    // Names of one timeline sort as their positions do.
    if (file.kind === 'segment' && name > (newest.get(file.timeline) ?? '')) newest.set(file.timeline, name);
  }
  return { newest: [...newest.values()].toSorted(), histories: [...histories].toSorted() };
}

/** What either of two archives knows. Throws Failure `bad_name` for what is no name. Pure. */
export function uniteKnownWal(ours: KnownWal, theirs: KnownWal): KnownWal {
  const all = [...ours.newest, ...ours.histories, ...theirs.newest, ...theirs.histories];
  return knownWal(all.map((name) => parseArchiveFileName(name).name));
}

/**
 * Whether a file that this host lacks cannot have been acknowledged without it: its WAL comes after everything that either host had
 * when the pledge was made. Only full segments and history files are told by their names. Pure.
 */
export function coversAbsence(pledge: Pledge, file: ArchiveFile): boolean {
  if (pledge.state !== 'held') return false;
  if (file.kind === 'history') return !pledge.histories.includes(file.name);
  if (file.kind !== 'segment') return false;
  return pledge.newest.every((name) => parseArchiveFileName(name).timeline !== file.timeline || name < file.name);
}

/** Whether a file may be acknowledged although only this host has it. Pure. */
export function bindsToPartner(pledge: Pledge | undefined): pledge is Pledge {
  return pledge !== undefined && pledge.state !== 'waived';
}
