import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { withDeadline } from '@archive2/core/base/deadline.ts';
import { Failure, toFailure } from '@archive2/core/base/failure.ts';
import { programVersion } from '@archive2/core/cli/version.ts';
import type { Call } from '../form.ts';
import { judgeReport } from '../forms/selection-options.ts';
import type { Judge } from './judge.ts';
import { metricsText } from './metrics/metrics-text.ts';

const gatherWithinMs = 60_000;

/**
 * One look at everything, as metrics in a file for the textfile collector of node_exporter, which reads the old file or the new one.
 * When the look fails as a whole the file says that and nothing else: metrics that stand still look like a cluster that is well.
 * Resolves with the exit status.
 */
export async function writeTextfile(path: string, call: Call): Promise<number> {
  if (!path.endsWith('.prom')) {
    throw new Failure('usage', `--textfile ${path} does not end in .prom`, {
      hint: 'The textfile collector reads files of that name only.',
    });
  }
  const gatherer = await call.openGatherer();
  const judge: Judge = (report) => judgeReport(report, gatherer.clusters, call.options);
  try {
    const late = () => new Failure('deadline', `gathering took more than ${gatherWithinMs / 1000} s`);
    const report = await withDeadline(gatherer.gather(), gatherWithinMs, late);
    const knowledge = { report, isStale: false, failure: undefined };
    await replace(path, await metricsText({ knowledge, program: programVersion, judge }));
    return 0;
  } catch (error) {
    const knowledge = { report: undefined, isStale: false, failure: toFailure(error).message };
    await replace(path, await metricsText({ knowledge, program: programVersion, judge }));
    throw error;
  } finally {
    await gatherer.close();
  }
}

/** Not fsynced: after a power cut the next run of cron writes it again. Others may read it: the collector is another user. */
async function replace(path: string, text: string): Promise<void> {
  const part = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.part`);
  const file = await open(part, 'wx', 0o644);
  try {
    await file.writeFile(text);
    await file.chmod(0o644);
    await file.close();
    await rename(part, path);
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(part, { force: true });
    throw error;
  }
}
