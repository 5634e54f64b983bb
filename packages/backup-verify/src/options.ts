import { archiveOptions } from '@archive2/core/cli/archive-options.ts';
import { usageFailure } from '@archive2/core/cli/arguments.ts';
import type { CommandSpec } from '@archive2/core/cli/command-spec.ts';
import { optionalText, requiredText, wholeNumber } from '@archive2/core/cli/option-values.ts';
import { programVersion } from '@archive2/core/cli/version.ts';
import { parseQueueLocation } from '@archive2/core/queue/queue-location.ts';
import type { QueueOrder } from '@archive2/core/queue/work-off-queue.ts';

export const commandSpec: CommandSpec = {
  command: 'backup-verify',
  version: programVersion,
  summary:
    'Proves a base backup: restores it to a scratch directory of this machine, replays its WAL, looks whether the data are there, fresh ' +
    'and right, reports, and removes it all again. Nothing is written to the archive but a pin that ends with it, and the report.',
  usage: [
    '--cluster NAME --cluster-dir DIR [--hosts HOSTS]    a drill now',
    '--queue QUEUE                                       the one that is due here, if there is one: for cron',
  ],
  options: {
    ...archiveOptions,
    newest: { type: 'boolean', default: false, describe: 'the newest backup of the host whose turn it is (default)' },
    rotate: { type: 'boolean', default: false, describe: 'the backup that was never drilled, or longest ago' },
    backup: { type: 'string', describe: 'this one: data.master.7, or arch1:data.master.7' },
    target: { type: 'string', default: 'latest', describe: 'replay to the latest, or to a random position' },
    check: {
      type: 'array',
      nargs: 1,
      string: true,
      default: [],
      describe: 'SQL that must be true; repeatable',
    },
    checks: { type: 'string', describe: 'file of named checks, or a directory with CLUSTER.sql in it' },
    'check-database': { type: 'string', describe: 'for checks that name none (default: the only one, else postgres)' },
    amcheck: { type: 'boolean', default: false, describe: 'look into all tables and B-tree indexes (pg_amcheck)' },
    heapallindexed: { type: 'boolean', default: false, describe: 'and whether each row is in its indexes' },
    dump: { type: 'boolean', default: false, describe: 'read all rows: dump all databases to nowhere' },
    'max-rpo': {
      type: 'string',
      default: '86400',
      describe: 'seconds that the newest commit may be old; none for any age',
    },
    'min-share': {
      type: 'string',
      default: '0.5',
      describe: 'share of its size in the last good drill that a database must have; 0 for any',
    },
    'allow-empty': { type: 'boolean', default: false, describe: 'a cluster without a table is right' },
    'system-identifier': { type: 'string', describe: 'that the cluster must have (default: that of the archive)' },
    scratch: { type: 'string', describe: 'directory for the restored cluster (default: in the state directory)' },
    'keep-on-failure': {
      type: 'boolean',
      default: true,
      describe: 'leave what failed in the scratch, until the next drill; --no-keep-on-failure removes it',
    },
    memory: { type: 'string', default: '256MB', describe: 'for the server, about' },
    'replay-stall': {
      type: 'string',
      default: '900',
      describe: 'seconds without progress of the replay after which the drill has failed',
    },
    set: {
      type: 'array',
      nargs: 1,
      string: true,
      default: [],
      describe: 'NAME=VALUE for the server, as shared_preload_libraries=timescaledb; repeatable',
    },
    dbuser: { type: 'string', default: 'postgres', describe: 'a superuser of the cluster' },
    bindir: { type: 'string', describe: "where PostgreSQL's programs are (default: by the version of the backup)" },
    json: { type: 'boolean', default: false, describe: 'print the report as JSON' },
    queue: { type: 'string', describe: 'the backup queue, as for backup-queue' },
    host: { type: 'string', describe: 'name of this machine in the queue and in reports (default: its own)' },
    now: { type: 'boolean', default: false, describe: 'with --queue and --cluster: whether or not one is due' },
    lease: { type: 'string', default: '900', describe: 'seconds after which the queue takes a silent worker for dead' },
    'state-dir': { type: 'string', describe: 'where reports are kept' },
    verbose: { type: 'boolean', default: false, describe: 'log more' },
  },
  exitStatus: [
    ['0', 'the backup is proved to be good; with --queue also: there is nothing to do'],
    ['67', 'it is not: it does not restore, a check failed, or there is none'],
    ['2', 'wrong usage'],
    ['20-24', 'no archive host could be asked'],
    ['33', 'the disk of the scratch is full'],
    ['40', 'another drill of this cluster is at work here'],
    ['50-55', 'the queue gives no task, or has given it to another worker'],
    ['64', 'a signal ended it'],
    ['65', 'PostgreSQL of this version is not here, or the scratch has too little room'],
    ['3-125', 'the failures of docs/exit-statuses.md'],
  ],
  examples: [
    [
      'backup-verify --cluster main --cluster-dir /storage/main --check "select max(at) > now() - interval \'1 hour\' from orders"',
      'on an archive host',
    ],
    ['backup-verify --queue service=backup --hosts "archive@arch1 archive@arch2"', 'by cron, on a third machine'],
  ],
};

/** A call as it was made. The rest of `options` is read when the cluster is known: a task of the queue may have its own. */
export interface VerifyCall {
  readonly options: Readonly<Record<string, unknown>>;
  readonly queue: QueueOrder | undefined;
  readonly host: string | undefined;
  readonly stateDirectory: string | undefined;
  readonly json: boolean;
}

/** Throws Failure `usage`. */
export function readCall(words: readonly string[], options: Record<string, unknown>): VerifyCall {
  if (words.length > 0) throw usageFailure(commandSpec, `unexpected word ${JSON.stringify(words[0])}`);
  const host = optionalText(options, 'host');
  const queue = optionalText(options, 'queue');
  const cluster = optionalText(options, 'cluster');
  const now = options['now'] === true;
  if (now && (queue === undefined || cluster === undefined)) {
    throw usageFailure(commandSpec, '--now needs --queue and --cluster');
  }
  requiredText(options, 'target');
  return {
    options,
    host,
    stateDirectory: optionalText(options, 'state-dir'),
    json: options['json'] === true,
    queue:
      queue === undefined
        ? undefined
        : {
            location: parseQueueLocation(queue),
            queue,
            host,
            cluster,
            now,
            leaseSeconds: wholeNumber(options, 'lease', 5, 604_800),
          },
  };
}
