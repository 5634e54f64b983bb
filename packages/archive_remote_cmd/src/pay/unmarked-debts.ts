import type { ClusterDirectory } from '@archive2/core/archive/cluster-directory.ts';
import type { Debts } from '@archive2/core/archive/debts.ts';
import { listArchiveNames } from '@archive2/core/archive/newest-segments.ts';
import type { ArchiveSession } from '@archive2/core/hosts/archive-session.ts';
import { listNewestNames } from '@archive2/core/hosts/ask.ts';
import type { ArchiveFileName } from '@archive2/core/wal/archive-file.ts';

/** More files than a session can have between publishing and forwarding, many times over. */
const comparedNames = 256;

/**
 * Compares this host's newest names with the peer's and records a debt for each that the peer lacks; returns how many
 * were new. Older differences are not looked for.
 */
export async function recordUnmarkedDebts(
  directory: ClusterDirectory,
  debts: Debts,
  session: ArchiveSession,
): Promise<number> {
  const ours = newestNames(await listArchiveNames(directory.walDirectory), comparedNames);
  // The peer may hold newer files that we lack: twice as many of its names still reach back to our oldest.
  const theirs = new Set(await listNewestNames(session, comparedNames * 2));
  const missing = ours.filter((name) => !theirs.has(name));
  const known = new Set((await debts.list()).map((file) => file.name));
  const unmarked = missing.filter((name) => !known.has(name));
  for (const name of unmarked) await debts.record(name);
  return unmarked.length;
}

/** The last `count` names by position, the newest timeline's last; histories sort before their timeline's segments. */
export function newestNames(names: readonly ArchiveFileName[], count: number): ArchiveFileName[] {
  return [...names].sort().slice(Math.max(0, names.length - count));
}
