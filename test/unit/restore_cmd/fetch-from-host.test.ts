import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseArchiveFileName } from '../../../packages/core/src/wal/archive-file.ts';
import { fetchFromHost } from '../../../packages/restore_cmd/src/fetch/fetch-from-host.ts';
import { store } from '../archive/test-store.ts';
import { mib, nameOf, segment } from '../archive/wal-segment.ts';
import { temporaryDirectory } from '../files/temporary-directory.ts';
import { connect, TestHost } from '../session/test-host.ts';

const name = nameOf(0);
const segmentSize = 16 * mib;

test('a file for which there is no place is nobody else’s fault, and the session goes on', async () => {
  const host = await TestHost.open({ rights: ['get'] });
  // More than what waits in memory, so that whoever does not read stops the session.
  await store(host.store, await segment(name, { segmentSize }));
  const { session } = await connect(host, { stallTimeoutMs: 2000 });
  const file = parseArchiveFileName(name);
  const directory = temporaryDirectory();
  const wanted = { file, path: join(directory, 'gone', name), systemIdentifier: undefined, isDecisive: true };
  const { answer, placeFailure } = await fetchFromHost(session, wanted);
  expect(answer.kind).toBe('cannot_say');
  expect(placeFailure).toMatchObject({ code: 'disk_error', message: expect.stringContaining('(ENOENT)') });

  const again = await fetchFromHost(session, { ...wanted, path: join(directory, name) });
  expect(again.answer).toEqual({ kind: 'delivered' });
  expect(again.fetched?.part.sizeBytes).toBe(segmentSize);
  await again.fetched?.part.close();
  rmSync(again.fetched?.part.path ?? '');
});
