/**
 * Run on a machine of the stand, as a command would: reads the archive hosts that its arguments name (HOSTS CLUSTER-DIR CLUSTER) and
 * prints JSON. With `survey` what each says of itself, or the code of its failure; with `fetch BACKUP FILE` the digest of what the
 * first one sends, or that code.
 */
import { createHash } from 'node:crypto';
import { askPlaces } from '../../packages/core/src/backups/ask-places.ts';
import { coverageOf } from '../../packages/core/src/backups/coverage.ts';
import { formatHostSurvey } from '../../packages/core/src/backups/survey-text.ts';
import { systemClock } from '../../packages/core/src/base/clock.ts';
import { toFailure } from '../../packages/core/src/base/failure.ts';
import { silentLog } from '../../packages/core/src/base/log.ts';
import { openArchivePlaces, readArchiveOptions } from '../../packages/core/src/cli/archive-options.ts';

const [hosts, directory, cluster, what, backup = '', file = ''] = process.argv.slice(2);
const settings = await readArchiveOptions({
  hosts,
  'cluster-dir': directory,
  cluster,
  'connect-timeout': '5',
  'stall-timeout': '10',
  'remote-cmd': 'archive_remote_cmd',
});
const places = openArchivePlaces(settings, 'get', { environment: {}, clock: systemClock, log: silentLog });
const output = what === 'fetch' ? await fetched() : await surveyed();
process.stdout.write(`${JSON.stringify(output)}\n`);
await Promise.all(places.map((place) => place.close()));

async function surveyed(): Promise<unknown> {
  const answers = await askPlaces(places, 20_000);
  const known = answers.flatMap((answer) =>
    'survey' in answer ? [{ name: answer.place.name, survey: answer.survey }] : [],
  );
  const away = answers.flatMap((answer) => ('survey' in answer ? [] : [answer.place.name]));
  const { windows, backups, singleCopies, holes } = coverageOf(known, away);
  return {
    answers: answers.map((answer) =>
      'survey' in answer
        ? (JSON.parse(formatHostSurvey(answer.survey).toString()) as unknown)
        : { code: toFailure(answer.problem).code },
    ),
    coverage: {
      windows,
      singleCopies,
      holes,
      away,
      backups: backups.map(({ name, hosts: holders, problem }) => ({ name, holders, problem })),
    },
  };
}

async function fetched(): Promise<unknown> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  try {
    const [place] = places;
    for await (const piece of place?.backup(backup).read(file, new AbortController().signal) ?? []) {
      hash.update(piece);
      sizeBytes += piece.length;
    }
    return { sizeBytes, sha256: hash.digest('hex') };
  } catch (error) {
    return { code: toFailure(error).code };
  }
}
