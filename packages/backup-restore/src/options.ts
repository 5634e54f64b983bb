import { isAbsolute, resolve } from 'node:path';
import { Failure } from '@archive2/core/base/failure.ts';
import { type ArchiveSettings, archiveOptions, readArchiveOptions } from '@archive2/core/cli/archive-options.ts';
import { usageFailure } from '@archive2/core/cli/arguments.ts';
import type { CommandSpec } from '@archive2/core/cli/command-spec.ts';
import { optionalText } from '@archive2/core/cli/option-values.ts';
import { parseMoment } from '@archive2/core/cli/parse-moment.ts';
import { programVersion } from '@archive2/core/cli/version.ts';
import type { RecoveryTarget, TargetAction, TargetTimeline } from '@archive2/core/restore/server/recovery-target.ts';
import type { Settings } from '@archive2/core/restore/server/settings-text.ts';
import { parseLsn } from '@archive2/core/wal/lsn.ts';
import { timelineFromNumber } from '@archive2/core/wal/timeline-id.ts';
import { parseNamedBackup, type RestoreWish } from './plan/restore-wish.ts';

/** Where the restored cluster goes, and what becomes of it. */
export interface RestoreOrder {
  readonly wish: RestoreWish;
  readonly target: string;
  /** As they were said: an OID or an old place, and the new one. */
  readonly tablespaceMap: ReadonlyMap<string, string>;
  readonly action: TargetAction;
  readonly primaryConninfo: string | undefined;
  readonly keepOld: boolean;
  readonly start: boolean;
  readonly takeOver: boolean;
  /** Of the person's, for the restored server. */
  readonly settings: Settings;
  readonly owner: string | undefined;
  readonly binDirectory: string | undefined;
  readonly yes: boolean;
  readonly acceptLoss: boolean;
  readonly dryRun: boolean;
}

export interface RestoreOptions {
  readonly archive: ArchiveSettings;
  /** Undefined: only show what is there. */
  readonly order: RestoreOrder | undefined;
  readonly json: boolean;
}

export const commandSpec: CommandSpec = {
  command: 'backup-restore',
  version: programVersion,
  summary:
    'Restores a cluster from its archive hosts: shows what there is, makes a plan, asks, and carries it out. Until it has asked, ' +
    'nothing is touched. Broken off, the same call goes on.',
  usage: [
    '--list                                       what can be restored',
    '--to DIR [--latest] [--start]                all there is',
    '--to DIR --target-time TIME [--start]        as it was then; or another target',
    '--to DIR --standby [--start]                 a replica that follows the archive',
  ],
  options: {
    ...archiveOptions,
    list: { type: 'boolean', default: false, describe: 'show the backups and what can be restored, and end' },
    to: { type: 'string', describe: 'the data directory to make' },
    latest: { type: 'boolean', default: false, describe: 'up to the end of the archived WAL (default)' },
    immediate: { type: 'boolean', default: false, describe: 'up to the end of the backup' },
    'target-time': { type: 'string', describe: 'up to a moment, as "2026-11-21 10:07:21+00"' },
    'target-lsn': { type: 'string', describe: 'up to a WAL position, as 0/3000028' },
    'target-xid': { type: 'string', describe: 'up to the commit of a transaction' },
    'target-name': { type: 'string', describe: 'up to a restore point' },
    exclusive: { type: 'boolean', default: false, describe: 'up to just before the time, position or transaction' },
    timeline: { type: 'string', default: 'latest', describe: 'latest, current (that of the backup), or a number' },
    backup: { type: 'string', describe: 'the backup: 7, data.master.7, arch1:7 (default: the best one)' },
    action: {
      type: 'string',
      choices: ['pause', 'promote', 'shutdown'],
      describe: 'what the server does at its target (default: pause at a point that was named, else promote)',
    },
    standby: { type: 'boolean', default: false, describe: 'make a standby instead of a server that opens' },
    'primary-conninfo': { type: 'string', describe: 'the primary, for a standby that also streams' },
    'tablespace-map': {
      type: 'array',
      nargs: 1,
      string: true,
      describe: 'OID=DIR or OLD=DIR: where a tablespace goes (default: where it was)',
    },
    'keep-old': { type: 'boolean', default: false, describe: 'move what is in DIR aside, under a dated name' },
    start: { type: 'boolean', default: false, describe: 'start the server, and watch it until it is there' },
    'take-over': {
      type: 'boolean',
      default: false,
      describe: 'leave archiving on: this server replaces the primary, which must never run again',
    },
    set: {
      type: 'array',
      nargs: 1,
      string: true,
      describe: 'NAME=VALUE: a setting of the restored server, as port=5433 or listen_addresses=*',
    },
    owner: { type: 'string', describe: 'for root: the account that the server runs as' },
    bindir: { type: 'string', describe: "PostgreSQL's programs (default: those of the backup's version)" },
    yes: { type: 'boolean', default: false, describe: 'do not ask; accepts no loss' },
    'accept-loss': { type: 'boolean', default: false, describe: 'accept what the plan says is lost' },
    'dry-run': { type: 'boolean', default: false, describe: 'show the plan, and end' },
    json: { type: 'boolean', default: false, describe: 'results as JSON on one line' },
    verbose: { type: 'boolean', default: false, describe: 'log more' },
  },
  settable: [...Object.keys(archiveOptions), 'owner', 'bindir', 'verbose'],
  exitStatus: [
    ['0', 'it is restored; with --start: the server has reached its target'],
    ['2', 'wrong usage'],
    ['20', 'no archive host answers'],
    ['33', 'the disk is full'],
    ['40', 'another restore is filling the directory'],
    ['62', 'the backup is not what its manifest says'],
    ['64', 'a signal ended it; the same call goes on'],
    ['65', 'it cannot be done, or would not be safe; nothing was touched'],
    ['66', 'the files are there, but the server did not reach its target; the message says why'],
    ['68', 'nobody said yes; nothing was touched'],
    ['3-125', 'the failures of docs/exit-statuses.md'],
  ],
  examples: [
    ['backup-restore --cluster-dir /storage/main --hosts "archive@arch1 archive@arch2" --cluster main --list', ''],
    ['backup-restore … --to /var/lib/postgresql/15/main --keep-old --target-time "2026-11-21 10:07:21+00" --start', ''],
  ],
};

/** Throws Failure `usage`. */
export async function readOptions(words: readonly string[], options: Record<string, unknown>): Promise<RestoreOptions> {
  if (words.length > 0) throw usageFailure(commandSpec, `${words[0]} is no option`);
  const isList = options['list'] === true;
  const to = optionalText(options, 'to');
  if (!isList && to === undefined) throw usageFailure(commandSpec, '--to DIR is missing; --list shows what there is');
  if (options['json'] === true && !isList && options['yes'] !== true && options['dry-run'] !== true) {
    throw usageFailure(commandSpec, '--json shows no plan to say yes to: it goes with --list, --dry-run or --yes');
  }
  return {
    archive: await readArchiveOptions(options),
    order: isList || to === undefined ? undefined : readOrder(to, options),
    json: options['json'] === true,
  };
}

function readOrder(to: string, options: Record<string, unknown>): RestoreOrder {
  const isStandby = options['standby'] === true;
  const target = readTarget(options);
  const conninfo = optionalText(options, 'primary-conninfo');
  if (!isAbsolute(to)) throw usageFailure(commandSpec, `--to ${to} is no absolute path`);
  if (isStandby && target.kind !== 'latest') throw usageFailure(commandSpec, 'a standby has no target');
  if (isStandby && options['take-over'] === true) throw usageFailure(commandSpec, 'a standby does not take over');
  if (!isStandby && conninfo !== undefined) throw usageFailure(commandSpec, '--primary-conninfo is for --standby');
  return {
    wish: { target, timeline: readTimeline(options), backup: readBackup(options), isStandby },
    target: resolve(to),
    tablespaceMap: readMap(options),
    action: readAction(options, target),
    primaryConninfo: conninfo,
    keepOld: options['keep-old'] === true,
    start: options['start'] === true,
    takeOver: options['take-over'] === true,
    settings: readSettings(options),
    owner: optionalText(options, 'owner'),
    binDirectory: optionalText(options, 'bindir'),
    yes: options['yes'] === true,
    acceptLoss: options['accept-loss'] === true,
    dryRun: options['dry-run'] === true,
  };
}

function readTarget(options: Record<string, unknown>): RecoveryTarget {
  const inclusive = options['exclusive'] !== true;
  const text = (name: string) => optionalText(options, name);
  const [time, lsn, xid, name] = ['target-time', 'target-lsn', 'target-xid', 'target-name'].map(text);
  const targets: RecoveryTarget[] = [
    ...(options['latest'] === true ? [{ kind: 'latest' } as const] : []),
    ...(options['immediate'] === true ? [{ kind: 'immediate' } as const] : []),
    ...(time === undefined ? [] : [{ kind: 'time', timeMs: parseMoment('target-time', time), inclusive } as const]),
    ...(lsn === undefined ? [] : [{ kind: 'lsn', lsn: parseLsn(lsn), inclusive } as const]),
    ...(xid === undefined ? [] : [{ kind: 'xid', xid: checkXid(xid), inclusive } as const]),
    ...(name === undefined ? [] : [{ kind: 'name', name } as const]),
  ];
  const [target = { kind: 'latest' }, other] = targets;
  if (other !== undefined) throw usageFailure(commandSpec, 'there is more than one target');
  if (!inclusive && !('inclusive' in target)) {
    throw usageFailure(commandSpec, '--exclusive goes with --target-time, --target-lsn or --target-xid');
  }
  return target;
}

function checkXid(text: string): string {
  if (/^\d{1,20}$/.test(text)) return text;
  throw new Failure('usage', `--target-xid ${JSON.stringify(text)} is no transaction id`);
}

/** At a point that somebody named, a person wants to look before anything is decided; the end of what there is needs no look. */
function readAction(options: Record<string, unknown>, target: RecoveryTarget): TargetAction {
  const said = optionalText(options, 'action');
  if (said === 'pause' || said === 'promote' || said === 'shutdown') return said;
  return target.kind === 'latest' || target.kind === 'immediate' ? 'promote' : 'pause';
}

function readTimeline(options: Record<string, unknown>): TargetTimeline {
  const text = String(options['timeline']);
  if (text === 'latest' || text === 'current') return text;
  const timeline = /^\d+$/.test(text) ? timelineFromNumber(Number(text)) : undefined;
  if (timeline !== undefined) return timeline;
  throw new Failure('usage', `--timeline ${JSON.stringify(text)} is none of latest, current, 1, 2, …`);
}

function readBackup(options: Record<string, unknown>): RestoreWish['backup'] {
  const text = optionalText(options, 'backup');
  if (text === undefined) return undefined;
  const named = parseNamedBackup(text);
  if (named !== undefined) return named;
  throw new Failure('usage', `--backup ${JSON.stringify(text)} is no backup`, {
    hint: 'Write 7, data.master.7, or with its host arch1:7.',
  });
}

/** What a restore decides by itself, and for good reason. */
const ownSettings = /^(recovery_.*|restore_command|archive_mode|primary_conninfo|hot_standby)$/;

function readSettings(options: Record<string, unknown>): Settings {
  const entries = listOf(options, 'set').map((entry): [string, string] => {
    const [, name = '', value = ''] = /^\s*([A-Za-z_][\w.]*)\s*=\s*(.*)$/s.exec(entry) ?? [];
    if (name === '') throw new Failure('usage', `--set ${JSON.stringify(entry)} is not NAME=VALUE`);
    if (!ownSettings.test(name.toLowerCase())) return [name.toLowerCase(), value];
    throw new Failure('usage', `--set ${name} is what this command sets itself`, {
      hint: 'Targets, --standby, --primary-conninfo and --take-over are options of their own.',
    });
  });
  return Object.fromEntries(entries);
}

function listOf(options: Record<string, unknown>, name: string): string[] {
  const given = options[name];
  return (Array.isArray(given) ? given : [given]).filter((entry) => typeof entry === 'string');
}

function readMap(options: Record<string, unknown>): Map<string, string> {
  return new Map(
    listOf(options, 'tablespace-map').map((entry) => {
      const [from = '', to = ''] = entry.split(/=(.*)/s);
      if (from === '' || !isAbsolute(to)) {
        throw new Failure('usage', `--tablespace-map ${JSON.stringify(entry)} is not OID=DIR or OLD=DIR`);
      }
      return [from, resolve(to)];
    }),
  );
}
