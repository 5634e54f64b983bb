import { Failure } from '@archive2/core/base/failure.ts';
import type { CommandSpec } from '@archive2/core/cli/command-spec.ts';
import { optionalText, wholeNumber } from '@archive2/core/cli/option-values.ts';
import { formatConninfo, parseConninfo, refuseSecrets } from '@archive2/core/postgres/conninfo.ts';
import type { ClusterSettings, ScheduleSettings } from '@archive2/core/queue/cluster-settings.ts';
import { checkTimeZone, parseStartWindow, type StartWindow } from '@archive2/core/queue/start-window.ts';
import type { Faults } from './faults.ts';
import { listOf } from './words.ts';

/** The settings of a cluster and of one of its schedules as options of `add` and `set`. */
export const settingsOptions: CommandSpec['options'] = {
  conninfo: {
    type: 'string',
    describe: "how to connect to the cluster's servers, as libpq has it; passwords belong into .pgpass",
  },
  hosts: { type: 'string', describe: 'archive hosts, with commas; each is one that calls base-backup' },
  directory: { type: 'string', describe: 'cluster directory on each archive host' },
  server: {
    type: 'string',
    describe: 'machine under load while a task runs; clusters with the same one share its limit',
  },
  'time-zone': { type: 'string', describe: 'of the start window' },
  'periodicity-days': { type: 'string', describe: 'each archive host makes one in so many days' },
  keep: { type: 'string', describe: 'backups to keep on each host' },
  window: { type: 'string', describe: 'when tasks may start, as 22:30-05:00; "none" for always' },
  priority: { type: 'string', describe: '-1000 to 1000; each point counts as one hour overdue' },
  'failure-limit': { type: 'string', describe: 'failures in a row of a host after which it needs attention' },
  option: {
    type: 'array',
    nargs: 1,
    string: true,
    describe: 'NAME=VALUE for the program that does the work; repeatable',
  },
};

/** What was given of a cluster's settings; faults are noted. */
export function readClusterOptions(
  options: Record<string, unknown>,
  faults: Faults,
): Partial<Omit<ClusterSettings, 'name' | 'enabled'>> {
  const text = (name: string) => faults.try(() => optionalText(options, name));
  const given = <K extends string, T>(key: K, name: string, read: (text: string) => T): Partial<Record<K, T>> => {
    const value = text(name);
    if (value === undefined) return {};
    const parsed = faults.try(() => read(value));
    return parsed === undefined ? {} : ({ [key]: parsed } as Record<K, T>);
  };
  return {
    ...given('conninfo', 'conninfo', canonicalConninfo),
    ...given('archiveHosts', 'hosts', listOf),
    ...given('directory', 'directory', (path) => path.replace(/(?<=.)\/+$/, '')),
    ...given('sourceServer', 'server', (name) => name),
    ...given('timeZone', 'time-zone', (name) => {
      checkTimeZone(name);
      return name;
    }),
  };
}

/** What was given of a schedule's settings; faults are noted. `before`: the options that are set already. */
export function readScheduleOptions(
  options: Record<string, unknown>,
  faults: Faults,
  before: Readonly<Record<string, string>> = {},
): Partial<Omit<ScheduleSettings, 'kind' | 'enabled'>> {
  const given = <K extends string, T>(key: K, name: string, read: (text: string) => T): Partial<Record<K, T>> => {
    const text = faults.try(() => optionalText(options, name));
    if (text === undefined) return {};
    const problems = faults.try(() => ({ value: read(text) }));
    return problems === undefined ? {} : ({ [key]: problems.value } as Record<K, T>);
  };
  const whole = (name: string, min: number, max: number) => () => wholeNumber(options, name, min, max);
  const pairs = options['option'];
  return {
    ...given('periodicityDays', 'periodicity-days', parseDays),
    ...given('keep', 'keep', whole('keep', 1, 10_000)),
    ...given('startWindow', 'window', parseWindow),
    ...given('priority', 'priority', whole('priority', -1000, 1000)),
    ...given('failureLimit', 'failure-limit', whole('failure-limit', 1, 1000)),
    ...(Array.isArray(pairs) && pairs.length > 0 ? { options: mergeOptions(before, pairs.map(String), faults) } : {}),
  };
}

/** As words, so that it can be read and compared, and pg_basebackup gets it as it is. */
function canonicalConninfo(text: string): string {
  const conninfo = parseConninfo(text);
  refuseSecrets(conninfo);
  if (Object.keys(conninfo).length === 0) throw new Failure('usage', '--conninfo is empty');
  return formatConninfo(conninfo);
}

function parseDays(text: string): number {
  const days = Number(text);
  if (text.trim() !== '' && days >= 0.01 && days <= 3660) return days;
  throw new Failure('usage', `--periodicity-days ${JSON.stringify(text)} is not a number of days from 0.01 to 3660`);
}

function parseWindow(text: string): StartWindow | undefined {
  return text === 'none' ? undefined : parseStartWindow(text);
}

/** `NAME=VALUE` sets, `NAME=` takes away. */
function mergeOptions(
  before: Readonly<Record<string, string>>,
  pairs: readonly string[],
  faults: Faults,
): Record<string, string> {
  const merged = { ...before };
  for (const pair of pairs) {
    const [, name, value = ''] = /^([A-Za-z][A-Za-z0-9_-]*)=([^]*)$/.exec(pair) ?? [];
    if (name === undefined) faults.note(`--option ${JSON.stringify(pair)} is not NAME=VALUE`);
    else if (value === '') delete merged[name];
    else merged[name] = value;
  }
  return merged;
}
