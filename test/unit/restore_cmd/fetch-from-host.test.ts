import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ArchiveSession } from '../../../packages/core/src/hosts/archive-session.ts';
import { parseArchiveFileName } from '../../../packages/core/src/wal/archive-file.ts';
import { fetchFromHost } from '../../../packages/restore_cmd/src/fetch/fetch-from-host.ts';
import { store } from '../archive/test-store.ts';
import { mib, nameOf, segment, walSegment } from '../archive/wal-segment.ts';
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
  expect(statSync(again.fetched?.part.path ?? '').size).toBe(segmentSize);
  await again.fetched?.part.close();
  rmSync(again.fetched?.part.path ?? '');
});

test('a segment is written as its content is, and one of another size than the host says is damage', async () => {
  const host = await TestHost.open({ rights: ['get'] });
  await store(host.store, await segment(name, { segmentSize }));
  const directory = temporaryDirectory();
  const file = parseArchiveFileName(name);
  const wanted = { file, path: join(directory, name), systemIdentifier: undefined, isDecisive: true };
  // Each has a session of its own: such a one counts its requests by itself.
  const saying = async (segmentSizeBytes: number | undefined) => {
    const { session } = await connect(host);
    return Object.create(session, { hello: { value: { ...session.hello, segmentSizeBytes } } }) as ArchiveSession;
  };
  for (const right of [segmentSize, undefined, 1]) {
    const { fetched } = await fetchFromHost(await saying(right), wanted);
    expect(readFileSync(fetched?.part.path ?? '').equals(walSegment(name, { segmentSize }))).toBe(true);
    await fetched?.part.discard();
    await fetched?.part.close();
  }
  for (const wrong of [segmentSize / 2, segmentSize * 2]) {
    const { answer } = await fetchFromHost(await saying(wrong), wanted);
    expect(answer.kind).toBe('damaged');
  }
  expect(readdirSync(directory)).toEqual([]);
});
