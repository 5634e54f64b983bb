import { type Finding, note, ok } from '@archive2/core/cli/check-report.ts';

/** What a look at a host says of the two hosts together. */
export interface PeerLook {
  /** As restore_command names it, without user and port. */
  hostName: string;
  peer: string | undefined;
  storeId: string | undefined;
  pledgedWith: string | undefined;
}

/** Whether a recovery would go on, and end where the WAL ends, with one of the two hosts gone for good. Pure. */
export function checkOneNo(looks: readonly PeerLook[]): Finding[] {
  const [first, second] = looks;
  if (first === undefined || second === undefined || first.storeId === undefined || second.storeId === undefined)
    return [];
  if (first.pledgedWith !== second.storeId || second.pledgedWith !== first.storeId) {
    const advice =
      'With archive_cmd --min-copies=2 the hosts vouch for each other; else such a recovery stops with 126, and says how to go on.';
    return [note('one host alone cannot say where the WAL ends', advice)];
  }
  if (first.peer !== second.hostName || second.peer !== first.hostName) {
    const names = `${first.hostName} calls its peer ${first.peer ?? 'nothing'}, ${second.hostName} calls it ${second.peer ?? 'nothing'}`;
    const advice = 'Give --peer of each host the name that restore_command has for the other one.';
    return [note(`one host alone cannot speak for the other: ${names}`, advice)];
  }
  return [ok('all that is acknowledged is on both hosts: either alone can say where the WAL ends')];
}
