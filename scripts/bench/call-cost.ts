import { BIN_DIRECTORY } from '../../test/support/repository.ts';
import { asInstalled } from './as-installed.ts';
import { cpuMs, enteringMs, entry } from './enter.ts';
import type { PgBackRest } from './pgbackrest.ts';
import type { PushStand } from './push-stand.ts';
import { median } from './summary.ts';

/** CPU of one call, user and system, in milliseconds, and ratios of neighbouring calls: medians. */
export interface CallCost {
  oursMs: number;
  versionMs: number;
  pushMs: number;
  besideVersion: number;
  besidePush: number;
  calls: number;
}

const calls = 200;

/**
 * CPU of a call for a file that is shipped already, beside `pgbackrest version`, which does nothing, and its archive-push of such a
 * file: one after the other, so that a change in the machine's speed meets all. The calls run inside the primary, in the data
 * directory, as PostgreSQL makes them. Something must have been shipped by archive_cmd.
 */
export async function measureCallCost({ stand, primary, segments }: PushStand, peer: PgBackRest): Promise<CallCost> {
  const [name = ''] = segments;
  const enter = await entry(primary.machine, primary.dataDirectory);
  const hosts = ['--min-copies=2', 'arch1 arch2', stand.walDirectory];
  const ours = [`${BIN_DIRECTORY}/archive_cmd`, ...hosts, `pg_wal/${name}`, name, stand.cluster];
  const push = peer.command('tls', 'archive-push', `pg_wal/${name}`);
  asInstalled();
  for (const argv of [ours, push]) await primary.machine.check(argv, { cwd: primary.dataDirectory });
  const taken = enteringMs(enter);
  const [oursMs, versionMs, pushMs]: number[][] = [[], [], []];
  for (let call = 0; call < calls; call++) {
    oursMs?.push(cpuMs([...enter, ...ours]) - taken);
    versionMs?.push(cpuMs([...enter, 'pgbackrest', 'version']) - taken);
    pushMs?.push(cpuMs([...enter, ...push]) - taken);
  }
  const ratio = (peerMs: number[] = []) => median((oursMs ?? []).map((ms, at) => ms / (peerMs[at] ?? Number.NaN)));
  return {
    oursMs: median(oursMs ?? []),
    versionMs: median(versionMs ?? []),
    pushMs: median(pushMs ?? []),
    besideVersion: ratio(versionMs),
    besidePush: ratio(pushMs),
    calls,
  };
}
