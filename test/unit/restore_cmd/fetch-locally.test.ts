import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parseArchiveFileName } from '../../../packages/core/src/wal/archive-file.ts';
import { fetchLocally } from '../../../packages/restore_cmd/src/fetch/fetch-locally.ts';
import { localSource } from '../../../packages/restore_cmd/src/fetch/local-source.ts';
import { mib, nameOf, ourSystem, segment, walSegment } from '../archive/wal-segment.ts';
import { recordedLog } from '../session/recorded-log.ts';

/** A local directory with these files, and a look for one. */
function directoryWith(files: Record<string, Buffer | string>) {
  const parent = mkdtempSync(join(tmpdir(), 'archive2-local-'));
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }));
  const directory = join(parent, 'WALs');
  mkdirSync(directory);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
  const recorded = recordedLog();
  const look = async (name: string, isOnly = false) => {
    const wanted = {
      file: parseArchiveFileName(name),
      path: join(parent, 'RECOVERYXLOG'),
      systemIdentifier: String(ourSystem),
    };
    const { answer, fetched } = await fetchLocally({ directory, isOnly }, wanted, recorded.log);
    const content = fetched === undefined ? undefined : readFileSync(fetched.part.path);
    await fetched?.part.discard();
    await fetched?.part.close();
    expect(readdirSync(parent).filter((entry) => entry !== 'WALs')).toEqual([]);
    return { answer, content };
  };
  return { directory, look, recorded };
}

describe('a local file', () => {
  test('is taken as it is, and compressed, and stays where it is', async () => {
    const files = { [nameOf(1)]: walSegment(nameOf(1)), [nameOf(2)]: (await segment(nameOf(2))).stored };
    const { directory, look } = directoryWith(files);
    for (const name of Object.keys(files)) {
      const { answer, content } = await look(name);
      expect(answer.kind).toBe('delivered');
      expect(content?.equals(walSegment(name))).toBe(true);
    }
    expect(readdirSync(directory).toSorted()).toEqual(Object.keys(files));
  });

  const good = walSegment(nameOf(1));
  test.each<[string, Buffer]>([
    ['of zeros', Buffer.alloc(mib)],
    ['that is empty', Buffer.alloc(0)],
    ['that is cut off', good.subarray(0, mib / 2)],
    ['with more after it', Buffer.concat([good, Buffer.alloc(8192)])],
    ['of another segment', walSegment(nameOf(2))],
    ['of another cluster', walSegment(nameOf(1), { systemIdentifier: 1n })],
  ])('%s is passed over, and said', async (_, content) => {
    const { look, recorded } = directoryWith({ [nameOf(1)]: content });
    expect(await look(nameOf(1))).toMatchObject({ answer: { kind: 'damaged' }, content: undefined });
    expect(recorded.lines.join('\n')).toContain('bad local file passed over');
  });

  test('with a damaged frame is passed over', async () => {
    const { stored } = await segment(nameOf(1));
    const bytes = Buffer.from(stored);
    bytes[stored.length >> 1] = (bytes[stored.length >> 1] ?? 0) ^ 1;
    expect((await directoryWith({ [nameOf(1)]: bytes }).look(nameOf(1))).answer.kind).toBe('damaged');
  });

  test('is not followed through a link', async () => {
    const { directory, look } = directoryWith({ other: walSegment(nameOf(1)) });
    symlinkSync(join(directory, 'other'), join(directory, nameOf(1)));
    expect((await look(nameOf(1))).answer.kind).toBe('damaged');
  });
});

describe('what the local directory lacks, where nobody else is asked,', () => {
  test('is absent, but before later WAL a hole', async () => {
    const files = {
      [nameOf(1)]: walSegment(nameOf(1)),
      [nameOf(5)]: (await segment(nameOf(5))).stored,
      '00000002.history': '1\t0/600000\tno recovery target specified\n',
      [nameOf(7, 2)]: walSegment(nameOf(7, 2)),
      LASTLOG: 'not WAL',
    };
    const { look } = directoryWith(files);
    const answers = {
      [nameOf(3)]: { kind: 'no', later: nameOf(5) },
      [nameOf(5, 2)]: { kind: 'no', later: nameOf(7, 2) },
      [nameOf(8)]: { kind: 'no' },
      [nameOf(8, 2)]: { kind: 'no' },
      '00000003.history': { kind: 'no' },
    };
    for (const [name, answer] of Object.entries(answers)) expect((await look(name, true)).answer, name).toEqual(answer);
  });

  test('is not known to be absent when the directory cannot be listed, or its later WAL not be read', async () => {
    const { directory, look } = directoryWith({ '00000002.history': 'torn' });
    writeFileSync(join(directory, nameOf(1, 2)), walSegment(nameOf(1, 2)));
    expect((await look(nameOf(1), true)).answer.kind).toBe('cannot_say');
    rmSync(directory, { recursive: true });
    expect((await look(nameOf(1), true)).answer.kind).toBe('cannot_say');
  });
});

test('a local directory is looked at when it is named, or when nobody else is asked', () => {
  const { directory } = directoryWith({});
  expect(localSource({ localDirectory: directory, onlyLocal: false }, '/')).toEqual({ directory, isOnly: false });
  expect(localSource({ localDirectory: 'mine', onlyLocal: true }, '/data')).toEqual({
    directory: '/data/mine',
    isOnly: true,
  });
  expect(localSource({ localDirectory: undefined, onlyLocal: true }, '/')?.isOnly).toBe(true);
});
