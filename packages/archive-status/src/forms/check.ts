import { withDeadline } from '@archive2/core/base/deadline.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import { usageFailure } from '@archive2/core/cli/arguments.ts';
import { optionalText } from '@archive2/core/cli/option-values.ts';
import { selectedRules } from '../check/judge-cluster.ts';
import { exitOfLevel } from '../check/level.ts';
import { pluginOutput } from '../check/plugin-output.ts';
import type { Call, Form } from '../form.ts';
import { formSpec } from '../form-spec.ts';
import { listOf } from '../settings/watched-cluster.ts';
import { judgeReport, selectionOptions } from './selection-options.ts';

/** Sources have deadlines of their own; this is for what nobody foresaw. */
const givenUpMs = 30_000;

export const check: Form = {
  spec: formSpec({
    summary:
      'A monitoring plugin: status, text and perfdata on one line, every finding below it. What is not known is never OK.',
    usage: [
      'check [--config FILE] [--cluster NAME] [--only RULES] [--skip RULES] [thresholds]',
      'check --cluster NAME --cluster-dir DIR --hosts "HOST1 HOST2" --servers CONNINFO [--queue QUEUE] …',
    ],
    options: selectionOptions,
    exitStatus: [
      ['0', 'OK: everything that was to be known is known, and is well'],
      ['1', 'WARNING'],
      ['2', 'CRITICAL'],
      ['3', 'UNKNOWN: something could not be asked, or the call or the configuration is wrong, or for this help'],
    ],
    examples: [
      ['archive-status check', 'all clusters of /etc/archive2/status.conf'],
      ['archive-status check --only backup,drill --backup-age 26h,50h', 'two rules, one of them with own limits'],
    ],
  }),
  run,
};

async function run(call: Call): Promise<number> {
  const { words, options } = call;
  if (words.length > 0) throw usageFailure(check.spec, `${JSON.stringify(words[0])} is not known`);
  // Before anything is asked: a rule that is misspelt would be a check that never alarms.
  const only = optionalText(options, 'only');
  selectedRules({
    only: only === undefined ? undefined : listOf(only),
    skip: listOf(optionalText(options, 'skip') ?? ''),
  });
  const gatherer = await call.openGatherer();
  const report = await withDeadline(gatherer.gather(), givenUpMs, () => {
    return new Failure('deadline', `the sources could not be asked within ${givenUpMs / 1000} s`);
  });
  const { level, text } = pluginOutput(judgeReport(report, gatherer.clusters, options));
  await call.print(text);
  return exitOfLevel[level];
}
