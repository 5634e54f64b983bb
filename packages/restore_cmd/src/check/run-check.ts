import { findStateDirectory } from '@archive2/core/agent/state-directory.ts';
import { systemClock } from '@archive2/core/base/clock.ts';
import { silentLog } from '@archive2/core/base/log.ts';
import { usageFailure } from '@archive2/core/cli/arguments.ts';
import { formatFindings, note, ok, problem } from '@archive2/core/cli/check-report.ts';
import { writeStdout } from '@archive2/core/cli/exit.ts';
import { optionalText } from '@archive2/core/cli/option-values.ts';
import { type HostLook, lookAtHost } from '@archive2/core/hosts/host-check.ts';
import type { HostSpec } from '@archive2/core/hosts/host-spec.ts';
import { readSystemIdentifier } from '@archive2/core/postgres/system-identifier-file.ts';
import { parseSegmentSize } from '@archive2/core/wal/segment-size.ts';
import { openSession } from '../fetch/open-pool.ts';
import { commandSpec, type FetchSettings, readFetchSettings } from '../options.ts';
import { checkLocal } from './check-local.ts';
import { checkOneNo } from './check-one-no.ts';

/** `restore_cmd check HOSTS SRC-DIR [DELAY-SECONDS]`: tries everything before recovery depends on it. 0, or 42 when something is wrong. */
export async function runCheck(
  words: readonly string[],
  options: Record<string, unknown>,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const [hostList, walDirectory, delaySeconds] = words;
  if (words.length < 2 || words.length > 3 || !hostList || !walDirectory) {
    throw usageFailure(commandSpec, "expected check 'HOST1 HOST2' SRC-DIR [DELAY-SECONDS]");
  }
  const settings = readFetchSettings(hostList, walDirectory, delaySeconds, options, environment);
  // What is only local needs no host, and they may well be gone.
  const looks = await Promise.all((settings.onlyLocal ? [] : settings.hosts).map((host) => look(settings, host)));
  const findings = looks.flatMap(({ observations }) =>
    observations.map(({ isGood, what, advice }) =>
      isGood ? (advice ? note(what, advice) : ok(what)) : problem(what, advice),
    ),
  );
  const own = readSystemIdentifier('.');
  for (const { systemIdentifier } of looks) {
    if (own === undefined || systemIdentifier === undefined || own === systemIdentifier) continue;
    findings.push(problem(`this data directory is of cluster ${own}, the archive of ${systemIdentifier}`));
  }
  findings.push(...checkOneNo(looks));
  const size = looks.find(({ segmentSizeBytes }) => segmentSizeBytes !== undefined)?.segmentSizeBytes;
  const { path } = findStateDirectory(optionalText(options, 'state-dir') ?? environment['ARCHIVE2_STATE_DIR']);
  findings.push(...(await checkLocal(settings, size === undefined ? undefined : parseSegmentSize(size), path, '.')));
  await writeStdout(formatFindings(findings));
  return findings.some(({ verdict }) => verdict === 'problem') ? 42 : 0;
}

async function look(settings: FetchSettings, host: HostSpec): Promise<HostLook & { hostName: string }> {
  const open = () => openSession(settings, host, { clock: systemClock, log: silentLog });
  return { hostName: host.host, ...(await lookAtHost(host.text, 'get', open)) };
}
