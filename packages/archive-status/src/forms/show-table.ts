import { usageFailure } from '@archive2/core/cli/arguments.ts';
import { optionalText } from '@archive2/core/cli/option-values.ts';
import type { Call, Form } from '../form.ts';
import { formSpec } from '../form-spec.ts';
import type { StatusGatherer } from '../gather/status-gatherer.ts';
import { statusJson } from '../json-of.ts';
import { statusTable } from '../table/status-table.ts';
import { judgeReport, selectionOptions } from './selection-options.ts';
import { watch } from './watch.ts';

const defaultWatchSeconds = 5;

/** The command without a form: the table, once or again and again, or the JSON. */
export const showTable: Form = {
  spec: formSpec({
    summary: 'How the archives of PostgreSQL clusters are: WAL, copies, base backups, drills, servers.',
    usage: [
      '[--config FILE] [--cluster NAME] [--json] [--watch [SECONDS]]',
      '--cluster NAME --cluster-dir DIR --hosts "HOST1 HOST2" [--servers CONNINFO] [--queue QUEUE] …',
      'check …     for monitoring: one line, perfdata and an exit status; check --help',
      'serve …     metrics, JSON and a web page; serve --help',
      'events …    what this machine noted; events --help',
    ],
    options: {
      json: { type: 'boolean', default: false, describe: 'for programs: see docs/archive-status.md' },
      watch: {
        type: 'string',
        describe: `again every so many seconds, ${defaultWatchSeconds} if no number follows; q ends it`,
      },
      ...selectionOptions,
    },
    exitStatus: [
      ['0', 'shown, whatever it says: use check for a verdict'],
      ['2', 'wrong usage or configuration'],
      ['3-125', 'the failures of docs/exit-statuses.md'],
    ],
    examples: [
      ['archive-status', 'all clusters of /etc/archive2/status.conf'],
      ['archive-status --cluster main --json', 'one of them, for programs'],
    ],
  }),
  run,
};

async function run(call: Call): Promise<number> {
  const { words, options } = call;
  if (words.length > 0) throw usageFailure(showTable.spec, `${JSON.stringify(words[0])} is not known`);
  const seconds = watchSeconds(options);
  const gatherer = await call.openGatherer();
  try {
    if (seconds === undefined) await call.print(await lookOnce(call, gatherer));
    else await watch(seconds * 1000, call, () => lookOnce(call, gatherer));
  } finally {
    await gatherer.close();
  }
  return 0;
}

async function lookOnce({ options, layout, timeZone }: Call, gatherer: StatusGatherer): Promise<string> {
  const report = await gatherer.gather();
  const verdicts = judgeReport(report, gatherer.clusters, options);
  return options['json'] === true ? statusJson(report, verdicts) : statusTable(report, verdicts, layout, timeZone);
}

function watchSeconds(options: Record<string, unknown>): number | undefined {
  const text = optionalText(options, 'watch');
  if (text === undefined) return undefined;
  if (text === '') return defaultWatchSeconds;
  const seconds = Number(text);
  if (seconds >= 1 && seconds <= 3600) return seconds;
  throw usageFailure(showTable.spec, `--watch ${JSON.stringify(text)} is not a number of seconds from 1 to 3600`);
}
