import { expect, test } from 'vitest';
import { ArchiveStand } from '../support/archive-stand.ts';
import { DataDirectory } from '../support/data-directory.ts';
import { peakMbOf } from '../support/peak-memory.ts';
import { RestoringDirectory } from '../support/restoring-directory.ts';

const MIB = 1024 ** 2;
const segments = 24;
const sizeBytes = 16 * MIB;

test('the agent that feeds a recovery stays under 200 MB with segments of 16 MB', async () => {
  await using stand = await ArchiveStand.create();
  const restorer = await stand.stand.machine('restorer');
  await stand.admit(restorer, 'get');
  const data = new DataDirectory(stand, 'source');
  const names = Array.from({ length: segments }, (_, index) => {
    const { name, content } = data.segment(index + 1, { sizeBytes });
    // As WAL does, it compresses to about a third.
    for (let page = 8192; page < sizeBytes; page += 8192) content.fill(0, page + 2731, page + 8192);
    data.file(name, content);
    data.markReady(name);
    return name;
  });
  for (const name of names) expect(await data.archive(name)).toMatchObject({ status: 0 });

  const directory = new RestoringDirectory(stand, restorer, 'recovering', 'recovery', data.systemIdentifier);
  // A server that begins again: to the agent each of them is another segment.
  for (let run = 0; run < 3; run += 1) await directory.restoreAll(names);
  // In threads of its own: it would say so if there were none.
  expect(directory.agentLog()).not.toContain('receiving thread is lost');
  const [agent] = restorer.processes('restore_cmd agent run');
  expect(peakMbOf(agent?.pid)).toBeLessThan(200);
});
