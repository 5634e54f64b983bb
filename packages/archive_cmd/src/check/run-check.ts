import { systemClock } from '@archive2/core/base/clock.ts';
import { silentLog } from '@archive2/core/base/log.ts';
import { usageFailure } from '@archive2/core/cli/arguments.ts';
import { type Finding, formatFindings, ok, problem } from '@archive2/core/cli/check-report.ts';
import { writeStdout } from '@archive2/core/cli/exit.ts';
import { type HostLook, lookAtHost } from '@archive2/core/hosts/host-check.ts';
import { commandSpec, readShipSettings, type ShipSettings } from '../options.ts';
import { openSession } from '../ship/open-shipper.ts';
import { checkServer } from './check-server.ts';

/** `archive_cmd check HOSTS DST-DIR CLUSTER`: tries everything before any WAL depends on it. 0, or 42 when something is wrong. */
export async function runCheck(
  words: readonly string[],
  options: Record<string, unknown>,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const [hostList, walDirectory, cluster] = words;
  if (words.length !== 3 || !hostList || !walDirectory || !cluster) {
    throw usageFailure(commandSpec, "expected check 'HOST1 HOST2' DST-DIR CLUSTER");
  }
  const settings = readShipSettings(hostList, walDirectory, cluster, options, environment);
  const looks = await Promise.all(settings.hosts.map((host) => lookAt(settings, host)));
  const findings = [
    ...looks.flatMap(({ observations }) => observations.map(asFinding)),
    ...compareHosts(settings, looks),
    ...(await checkServer(
      options,
      environment,
      looks.map((look) => look.systemIdentifier),
    )),
  ];
  await writeStdout(formatFindings(findings));
  return findings.some(({ verdict }) => verdict === 'problem') ? 42 : 0;
}

async function lookAt(settings: ShipSettings, host: ShipSettings['hosts'][number]): Promise<HostLook> {
  return await lookAtHost(host.text, 'put', () => openSession(settings, host, { clock: systemClock, log: silentLog }));
}

function asFinding(observation: HostLook['observations'][number]): Finding {
  const { isGood, what, advice } = observation;
  if (!isGood) return problem(what, advice);
  return advice === undefined ? ok(what) : { verdict: 'note', what, advice };
}

/** Two names for one archive are one copy; two archives of different clusters are none. Pure. */
export function compareHosts(
  settings: Pick<ShipSettings, 'hosts'>,
  looks: ReadonlyArray<Pick<HostLook, 'observations' | 'storeId' | 'systemIdentifier'>>,
): Finding[] {
  const [first, second] = looks;
  if (first === undefined || second === undefined) {
    return [{ verdict: 'note', what: 'one archive host alone: there is no second copy' }];
  }
  const names = settings.hosts.map((host) => host.text).join(' and ');
  if (first.storeId !== undefined && first.storeId === second.storeId) {
    return [problem(`${names} are one and the same archive`, 'Name two different archive hosts.')];
  }
  const { systemIdentifier: a } = first;
  const { systemIdentifier: b } = second;
  if (a !== undefined && b !== undefined && a !== b) {
    return [
      problem(`${names} hold different clusters (${a}, ${b})`, 'Give each cluster its own directory on both hosts.'),
    ];
  }
  return [];
}
