import { systemClock } from '@archive2/core/base/clock.ts';
import { silentLog } from '@archive2/core/base/log.ts';
import { usageFailure } from '@archive2/core/cli/arguments.ts';
import { formatFindings, note, ok, problem } from '@archive2/core/cli/check-report.ts';
import { writeStdout } from '@archive2/core/cli/exit.ts';
import { lookAtHost } from '@archive2/core/hosts/host-check.ts';
import { readSystemIdentifier } from '@archive2/core/postgres/system-identifier-file.ts';
import { openSession } from '../fetch/open-pool.ts';
import { commandSpec, readFetchSettings } from '../options.ts';

/** `restore_cmd check HOSTS SRC-DIR`: tries everything before recovery depends on it. 0, or 42 when something is wrong. */
export async function runCheck(
  words: readonly string[],
  options: Record<string, unknown>,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const [hostList, walDirectory] = words;
  if (words.length !== 2 || !hostList || !walDirectory) {
    throw usageFailure(commandSpec, "expected check 'HOST1 HOST2' SRC-DIR");
  }
  const settings = readFetchSettings(hostList, walDirectory, undefined, options, environment);
  const looks = await Promise.all(
    settings.hosts.map((host) =>
      lookAtHost(host.text, 'get', () => openSession(settings, host, { clock: systemClock, log: silentLog })),
    ),
  );
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
  await writeStdout(formatFindings(findings));
  return findings.some(({ verdict }) => verdict === 'problem') ? 42 : 0;
}
