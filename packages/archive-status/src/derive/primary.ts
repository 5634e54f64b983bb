import { type Lsn, tryParseLsn } from '@archive2/core/wal/lsn.ts';
import { type Known, known, unknown } from '../model/known.ts';
import type { ServerLook } from '../sources/server-watch.ts';

/** Where the WAL of a cluster is written now. */
export interface PrimaryPlace {
  readonly server: string;
  readonly timeline: number;
  readonly lsn: Lsn;
}

/** Of two that both say so the one on the higher timeline: the other one was left behind. Pure. */
export function primaryPlace(servers: readonly ServerLook[]): Known<PrimaryPlace> {
  const primaries = servers.flatMap(({ name, answer }) => {
    if (!answer.known || answer.value.isStandby) return [];
    const lsn = tryParseLsn(answer.value.lsn ?? '');
    return lsn === undefined ? [] : [{ server: name, timeline: answer.value.timeline, lsn }];
  });
  const [newest] = primaries.sort((a, b) => b.timeline - a.timeline);
  if (newest !== undefined) return known(newest);
  if (servers.length === 0) return unknown('no servers are configured');
  const silent = servers.flatMap(({ answer }) => (answer.known ? [] : [answer.reason]));
  return unknown(silent.length > 0 ? `no primary answers: ${silent.join('; ')}` : 'no server is a primary');
}
