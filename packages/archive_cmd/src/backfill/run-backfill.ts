import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '@archive2/core/base/clock.ts';
import { failureTable } from '@archive2/core/base/failure-table.ts';
import { createLog } from '@archive2/core/base/log.ts';
import { usageFailure } from '@archive2/core/cli/arguments.ts';
import { writeStderr, writeStdout } from '@archive2/core/cli/exit.ts';
import { optionalText } from '@archive2/core/cli/option-values.ts';
import { isArchiveFileName, parseArchiveFileName } from '@archive2/core/wal/archive-file.ts';
import { commandSpec, readShipSettings } from '../options.ts';
import { openShipper, readBufferCount } from '../ship/open-shipper.ts';
import { ReadBuffers } from '../ship/read-buffers.ts';
import { backfill } from './backfill.ts';

/**
 * `archive_cmd backfill HOSTS DST-DIR CLUSTER [--data-dir DIR]`: ships, for every history file in pg_wal, what the archive lacks of
 * its parent timeline. 0 when all of it is there.
 */
export async function runBackfill(
  words: readonly string[],
  options: Record<string, unknown>,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const [hostList, walDirectory, cluster] = words;
  if (words.length !== 3 || !hostList || !walDirectory || !cluster) {
    throw usageFailure(commandSpec, "expected backfill 'HOST1 HOST2' DST-DIR CLUSTER");
  }
  const settings = readShipSettings(hostList, walDirectory, cluster, options, environment);
  const own = join(optionalText(options, 'data-dir') ?? '.', 'pg_wal');
  const log = createLog((line) => writeStderr(`${line}\n`), options['verbose'] === true ? 'debug' : 'info');
  const shipper = await openShipper(settings, {
    stateDirectory: undefined,
    buffers: new ReadBuffers(readBufferCount),
    clock: systemClock,
    log,
  });
  let failed = 0;
  try {
    for (const name of (await readdir(own)).filter(isArchiveFileName)) {
      const history = parseArchiveFileName(name);
      if (history.kind !== 'history') continue;
      const report = await backfill(shipper, own, history, log);
      failed += report.failed;
      await writeStdout(`${history.name}: ${report.confirmed} segments of the parent timeline are in the archive\n`);
    }
  } finally {
    await shipper.close();
  }
  return failed === 0 ? 0 : failureTable.check_failed.exit;
}
