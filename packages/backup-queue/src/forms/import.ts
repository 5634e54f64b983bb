import { Failure } from '@archive2/core/base/failure.ts';
import { localTimeZone } from '@archive2/core/cli/local-time.ts';
import { optionalText } from '@archive2/core/cli/option-values.ts';
import { type Column, formatTable } from '@archive2/core/cli/table.ts';
import type { ImportedCluster } from '@archive2/core/queue/import-old-queue.ts';
import { redirectOldFunctions } from '@archive2/core/queue/old-queue.ts';
import { importQueue } from '@archive2/core/queue/open-queue.ts';
import { readQueueLogin } from '@archive2/core/queue/queue-login.ts';
import { checkTimeZone, parseStartWindow } from '@archive2/core/queue/start-window.ts';
import { Faults } from '../faults.ts';
import type { Call, Form } from '../form.ts';
import { formSpec } from '../form-spec.ts';
import { refuseWords } from '../words.ts';

export const importOld: Form = {
  spec: formSpec({
    summary:
      'Takes over the clusters and backups of the old scripts’ schema "backups" in the same database. May be repeated.',
    usage: ['import [--dry-run] [--user NAME] [--window HH:MM-HH:MM] [--time-zone ZONE]'],
    options: {
      'dry-run': { type: 'boolean', default: false, describe: 'shows what it would add, and changes nothing' },
      user: { type: 'string', describe: 'whom the backups log in as, where it is not the account that makes them' },
      window: { type: 'string', describe: 'start window for all of them; without it they may start at any time' },
      'time-zone': { type: 'string', describe: 'of the start window' },
    },
  }),
  run: runImport,
};

const columns: readonly Column[] = [
  { title: 'CLUSTER', atLeast: 12 },
  { title: 'RESULT' },
  { title: 'CONNECTION', atLeast: 12, dispensable: 2 },
  { title: 'HOSTS', atLeast: 8 },
  { title: 'DIRECTORY', atLeast: 12, dispensable: 1 },
  { title: 'DAYS', align: 'right' },
  { title: 'KEEP', align: 'right' },
  { title: 'BACKUPS', align: 'right' },
];

async function runImport(call: Call): Promise<void> {
  refuseWords(call.words);
  const faults = new Faults();
  const window = optionalText(call.options, 'window');
  const startWindow = window === undefined ? undefined : faults.try(() => parseStartWindow(window));
  const timeZone = optionalText(call.options, 'time-zone') ?? localTimeZone();
  faults.try(() => checkTimeZone(timeZone));
  faults.throwIfAny();
  const location = call.location();
  if (location.kind === 'sqlite') {
    throw new Failure('usage', 'the old queue is imported into one in PostgreSQL, not into a file', {
      hint: 'A file is for a site with one archive host: add its clusters with "backup-queue add".',
    });
  }
  const dryRun = call.options['dry-run'] === true;
  const login = await readQueueLogin('backup-queue', call.environment);
  const user = optionalText(call.options, 'user');
  const imported = await importQueue(location, login, { timeZone, startWindow, user }, { dryRun });
  if (imported.length > 0) await call.print(formatTable(columns, imported.map(rowOf(dryRun)), call.layout));
  tell(call, imported, dryRun);
  if (!dryRun)
    await call.print(`\n-- With this the old scripts work on the new queue, unchanged:\n${redirectOldFunctions}`);
}

function rowOf(dryRun: boolean) {
  return ({ cluster, schedule, isNew, taskCount }: ImportedCluster) => [
    cluster.name,
    isNew ? (dryRun ? 'to be added' : 'added') : 'was there',
    cluster.conninfo,
    cluster.archiveHosts.join(','),
    cluster.directory,
    String(schedule.periodicityDays),
    String(schedule.keep),
    String(taskCount),
  ];
}

function tell({ log }: Call, imported: readonly ImportedCluster[], dryRun: boolean): void {
  const added = imported.filter(({ isNew }) => isNew);
  const tasks = added.reduce((sum, { taskCount }) => sum + taskCount, 0);
  log.info(dryRun ? 'nothing was changed; an import would add' : 'imported', {
    clusters: added.length,
    backups: tasks,
  });
  for (const { cluster, hadUnfinished } of added) {
    if (hadUnfinished) {
      log.warning(`${cluster.name} has a backup that has not ended: it counts as lost; do the old scripts still run?`);
    }
  }
}
