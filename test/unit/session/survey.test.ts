import { randomBytes } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createClusterRecord } from '../../../packages/core/src/archive/identity.ts';
import { surveyHost } from '../../../packages/core/src/backups/survey-host.ts';
import { maxSurveyBytes, parseHostSurvey } from '../../../packages/core/src/backups/survey-text.ts';
import { ArchiveSession } from '../../../packages/core/src/hosts/archive-session.ts';
import { listNewestNames, pinWal, probeHost, reportDamaged } from '../../../packages/core/src/hosts/ask.ts';
import { fetchBackupFile } from '../../../packages/core/src/hosts/fetch-backup-file.ts';
import { getFile } from '../../../packages/core/src/hosts/get.ts';
import { requestCatalog } from '../../../packages/core/src/hosts/request-catalog.ts';
import { requestSurvey } from '../../../packages/core/src/hosts/request-survey.ts';
import { maxBodyBytes } from '../../../packages/core/src/protocol/frame.ts';
import type { Right } from '../../../packages/core/src/protocol/messages.ts';
import { clusterDirectory } from '../archive/test-store.ts';
import { fingerprintOf, mib, nameOf, sha256 } from '../archive/wal-segment.ts';
import {
  backupMs,
  identity,
  labelText,
  makeBackup,
  makeOwnBackup,
  makeWal,
  segments,
} from '../backups/backup-files.ts';
import { failureFrom } from '../base/expect-failure.ts';
import { ScriptedHost } from './scripted-host.ts';
import { connect, sessionOptions, TestHost } from './test-host.ts';

/** A host with a complete backup, `data.master.7`, and a bit of WAL. */
async function hostWithBackup(rights: Right[], files: Record<string, string> = {}): Promise<TestHost> {
  const directory = clusterDirectory();
  await createClusterRecord(directory, 'main', identity, Date.now());
  makeWal(directory, segments(1, 9));
  makeOwnBackup(directory, 'data.master.7', 5);
  makeBackup(directory, 'data.master.7', { 'base.tar.zst': 'tar', 'global/pg_control': 'control', ...files });
  return await TestHost.open({ rights, directory });
}

async function received(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of chunks) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function fetched(host: TestHost, file: string, more: { backup?: string; offset?: number } = {}): Promise<string> {
  const { session } = await connect(host);
  const { chunks } = await fetchBackupFile(session, { backup: 'data.master.7', file, ...more });
  return (await received(chunks)).toString();
}

describe('a survey', () => {
  test.each<Right>(['get', 'sync', 'status'])(
    'is what the host finds in its directory, for the right %s',
    async (right) => {
      const host = await hostWithBackup([right]);
      const told = parseHostSurvey(await requestSurvey((await connect(host)).session, maxSurveyBytes));
      const own = await surveyHost(host.directory, { cluster: 'main', program: '1.0-test', nowMs: told.nowMs });
      // Free space changes while others write.
      expect({ ...told, disk: own.disk }).toEqual(own);
      expect(told.backups[0]?.files.map(({ name }) => name)).toContain('global/pg_control');
    },
  );

  test('is not told to a key that only puts', async () => {
    const { session } = await connect(await hostWithBackup(['put']));
    await failureFrom('not_allowed', requestSurvey(session, maxSurveyBytes));
  });

  test('that is larger than a frame comes whole', async () => {
    const host = await hostWithBackup(['status']);
    makeWal(
      host.directory,
      Array.from({ length: 7000 }, (_, index) => nameOf(2 * index + 20)),
    );
    const body = await requestSurvey((await connect(host)).session, maxSurveyBytes);
    expect(body.length).toBeGreaterThan(maxBodyBytes);
    expect(parseHostSurvey(body).wal).toHaveLength(7001);
  });

  test('that is larger than it may be is refused before it is read to its end', async () => {
    const { session } = await connect(await hostWithBackup(['status']));
    await failureFrom('protocol', requestSurvey(session, 100));
  });

  test.each([
    ['another size', (size: number, fingerprint: string) => ({ sizeBytes: size + 1, fingerprint }), 'damaged'],
    ['another digest', (size: number) => ({ sizeBytes: size, fingerprint: '0'.repeat(16) }), 'damaged'],
    ['an answer of another kind', () => undefined, 'protocol'],
  ] as const)('with %s is none', async (_what, endOf, code) => {
    const body = Buffer.from('{}');
    const session = await sessionWith((host, id) => {
      host.send({ type: 'data', id }, body);
      const end = endOf(body.length, fingerprintOf(body));
      host.send(end === undefined ? { type: 'pinned', id } : { type: 'end', id, ...end });
    });
    await failureFrom(code, requestSurvey(session, maxSurveyBytes));
  });
});

describe('a file of a base backup', () => {
  test.each<Right>(['get', 'sync'])('comes as it is stored, for the right %s', async (right) => {
    const host = await hostWithBackup([right]);
    const { session } = await connect(host);
    const file = await fetchBackupFile(session, { backup: 'data.master.7', file: 'base.tar.zst' });
    expect(file.modifiedMs).toBe(backupMs);
    expect((await received(file.chunks)).toString()).toBe('tar');
    expect(await fetched(host, 'global/pg_control')).toBe('control');
  });

  test('comes from an offset on', async () => {
    const host = await hostWithBackup(['get'], { 'base.tar.zst': '0123456789' });
    expect(await fetched(host, 'base.tar.zst', { offset: 7 })).toBe('789');
    expect(await fetched(host, 'base.tar.zst', { offset: 10 })).toBe('');
    await failureFrom('usage', fetched(host, 'base.tar.zst', { offset: 11 }));
  });

  test.each<Right>(['put', 'status'])('does not come for the right %s', async (right) => {
    await failureFrom('not_allowed', fetched(await hostWithBackup([right]), 'base.tar.zst'));
  });

  test('several come at the same time', async () => {
    const contents = [1, 2, 3].map((number) => randomBytes(number * mib).toString('hex'));
    const host = await hostWithBackup(['get'], { a: contents[0]!, b: contents[1]!, c: contents[2]! });
    expect(await Promise.all(['a', 'b', 'c'].map((file) => fetched(host, file)))).toEqual(contents);
  });

  test('several come over one session, whose buffers are used again', async () => {
    const names = ['a', 'b', 'c'];
    const contents = names.map((_, index) => randomBytes((index + 2) * mib + index));
    const host = await hostWithBackup(['get']);
    for (const [index, name] of names.entries()) {
      writeFileSync(join(host.directory.path, 'data.master.7', name), contents[index]!);
    }
    const { session } = await connect(host);
    const read = async (file: string) => {
      const { chunks } = await fetchBackupFile(session, { backup: 'data.master.7', file });
      const pieces: Buffer[] = [];
      for await (const chunk of chunks) {
        // Others arrive meanwhile; only then is it taken.
        await new Promise((resolve) => setImmediate(resolve));
        pieces.push(Buffer.from(chunk));
      }
      return sha256(Buffer.concat(pieces));
    };
    expect(await Promise.all(names.map(read))).toEqual(contents.map((content) => sha256(content)));
    expect(await read('c')).toBe(sha256(contents[2]!));
  });

  test('is sent at the pace of its reader, whatever its size', async () => {
    const host = await hostWithBackup(['get'], { 'base.tar': 'x'.repeat(40 * mib) });
    const { session, channel } = await connect(host);
    const { chunks } = await fetchBackupFile(session, { backup: 'data.master.7', file: 'base.tar' });
    let sizeBytes = 0;
    let mostWaiting = 0;
    for await (const chunk of chunks) {
      sizeBytes += chunk.length;
      // What was read from the disk and is not here yet.
      mostWaiting = Math.max(mostWaiting, channel.far.writableLength + channel.far.readableLength);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(sizeBytes).toBe(40 * mib);
    expect(mostWaiting).toBeLessThan(2 * mib);
  });

  test('that its reader leaves in the middle does not keep the session from others', async () => {
    const host = await hostWithBackup(['get'], { 'base.tar': 'x'.repeat(20 * mib) });
    const { session } = await connect(host);
    const left = await fetchBackupFile(session, { backup: 'data.master.7', file: 'base.tar' });
    for await (const _ of left.chunks) break;
    const { chunks } = await fetchBackupFile(session, { backup: 'data.master.7', file: 'base.tar.zst' });
    expect((await received(chunks)).toString()).toBe('tar');
  });

  test('is not found where there is none', async () => {
    const host = await hostWithBackup(['get']);
    await failureFrom('not_found', fetched(host, '16385.tar.zst'));
    await failureFrom('not_found', fetched(host, 'base.tar.zst', { backup: 'data.master.8' }));
  });

  test('is not found in a backup that is not complete', async () => {
    const host = await hostWithBackup(['get']);
    makeBackup(host.directory, 'data.master.8', { 'base.tar.zst': 'tar', backup_label: labelText(5) });
    await failureFrom('not_found', fetched(host, 'base.tar.zst', { backup: 'data.master.8' }));
    makeBackup(host.directory, 'data.master.9.partial', { 'base.tar.zst': 'tar', SUCCESS: '' });
    await failureFrom('usage', fetched(host, 'base.tar.zst', { backup: 'data.master.9.partial' }));
  });

  test('of another cluster’s backup is refused', async () => {
    const host = await hostWithBackup(['get']);
    makeOwnBackup(host.directory, 'data.master.8', 5, { systemIdentifier: 4711n as never });
    await failureFrom('wrong_cluster', fetched(host, 'backup.json', { backup: 'data.master.8' }));
  });

  test.each([
    '../../cluster.json',
    '/etc/passwd',
    '.hidden',
    '',
    '.',
    '..',
    'global',
    'global/../x',
    'base/1',
    'x\n',
    'a\0b',
  ])('the name %j is refused, or is that of no file', async (file) => {
    const host = await hostWithBackup(['get']);
    const refusal = fetched(host, file);
    await failureFrom(file === 'global' ? 'disk_error' : 'usage', refusal);
  });

  test.each(['../main/data.master.7', 'data.master.7/', 'data.x/../data.master.7', 'logs.complete', '', 'data.\0'])(
    'the backup name %j is refused',
    async (backup) => {
      await failureFrom('usage', fetched(await hostWithBackup(['get']), 'base.tar.zst', { backup }));
    },
  );

  test('is not read through a link, nor below one', async () => {
    const host = await hostWithBackup(['get']);
    const path = join(host.directory.path, 'data.master.7');
    symlinkSync('/etc/passwd', join(path, 'passwd'));
    await failureFrom('disk_error', fetched(host, 'passwd'));
    const outside = mkdtempSync(join(tmpdir(), 'archive2-outside-'));
    onTestFinished(() => rmSync(outside, { recursive: true, force: true }));
    writeFileSync(join(outside, 'pg_control'), 'secret');
    rmSync(join(path, 'global'), { recursive: true });
    symlinkSync(outside, join(path, 'global'));
    await failureFrom('not_found', fetched(host, 'global/pg_control'));
  });

  test('of a backup that lies on another disk comes', async () => {
    const host = await hostWithBackup(['get']);
    const path = join(host.directory.path, 'data.master.7');
    const elsewhere = mkdtempSync(join(tmpdir(), 'archive2-elsewhere-'));
    onTestFinished(() => rmSync(elsewhere, { recursive: true, force: true }));
    renameSync(path, join(elsewhere, 'it'));
    symlinkSync(join(elsewhere, 'it'), path);
    expect(await fetched(host, 'base.tar.zst')).toBe('tar');
  });

  test('that does not arrive as it was announced is damaged', async () => {
    const session = await sessionWith((host, id) => {
      host.send({ type: 'found', id, modifiedMs: 0 });
      host.send({ type: 'data', id }, Buffer.from('content'));
      host.send({ type: 'end', id, sizeBytes: 7, fingerprint: '0'.repeat(16) });
    });
    const { chunks } = await fetchBackupFile(session, { backup: 'data.master.7', file: 'base.tar' });
    await failureFrom('damaged', received(chunks));
  });
});

test('a key with the right status may survey and probe, and nothing else', async () => {
  const host = await hostWithBackup(['status']);
  const { session } = await connect(host);
  expect(session.hello.rights).toEqual(['status']);
  await requestSurvey(session, maxSurveyBytes);
  expect((await probeHost(session)).freeBytes).toBeGreaterThan(0);
  const pin = { pin: 'a'.repeat(20), holder: 'db2', timeline: 1, from: '0/1', ttlSeconds: 60 };
  const refused: Promise<unknown>[] = [
    getFile(session, { name: nameOf(1) }),
    fetchBackupFile(session, { backup: 'data.master.7', file: 'base.tar.zst' }),
    requestCatalog(session),
    listNewestNames(session, 10),
    reportDamaged(session, nameOf(1)),
    pinWal(session, pin),
  ];
  for (const request of refused) await failureFrom('not_allowed', request);
});

/** A session with a host that answers a survey or a fetch like this. */
async function sessionWith(answer: (host: ScriptedHost, id: number) => void): Promise<ArchiveSession> {
  const walDirectory = '/storage/main/logs.complete';
  const host = new ScriptedHost(walDirectory, {
    on: (message, self) => {
      if (message.type === 'survey' || message.type === 'fetch') answer(self, message.id);
    },
  });
  return await ArchiveSession.open(
    host.channel,
    sessionOptions({ directory: { walDirectory } as TestHost['directory'] }),
  );
}
