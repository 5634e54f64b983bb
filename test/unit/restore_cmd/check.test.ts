import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parseSegmentSize } from '../../../packages/core/src/wal/segment-size.ts';
import { checkLocal } from '../../../packages/restore_cmd/src/check/check-local.ts';
import { checkOneNo, type PeerLook } from '../../../packages/restore_cmd/src/check/check-one-no.ts';
import { type FetchSettings, readFetchSettings } from '../../../packages/restore_cmd/src/options.ts';
import { nameOf } from '../archive/wal-segment.ts';

const defaults = {
  'on-unavailable': 'auto',
  'unavailable-timeout': '300',
  'retry-count': '3',
  'cooldown-time': '60',
  'connect-timeout': '3',
  'stall-timeout': '3',
  'remote-cmd': 'archive_remote_cmd',
  prefetch: '8',
  'prefetch-size': '1GB',
};

function settingsOf(options: Record<string, unknown>, delaySeconds?: string): FetchSettings {
  return readFetchSettings('arch1 arch2', '/storage/main/logs.complete', delaySeconds, { ...defaults, ...options }, {});
}

function directoryWith(files: Record<string, string> = {}): string {
  const directory = mkdtempSync(join(tmpdir(), 'archive2-check-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  return directory;
}

async function findings(
  options: Record<string, unknown>,
  { delay, segmentBytes = 2 ** 24, data = directoryWith() } = {} as {
    delay?: string;
    segmentBytes?: number;
    data?: string;
  },
) {
  const found = await checkLocal(settingsOf(options, delay), parseSegmentSize(segmentBytes), directoryWith(), data);
  return found.filter(({ what }) => !what.includes('/var/local/WALs'));
}

describe('the check of this machine', () => {
  test('says what the buffer takes, and whether there is room for it', async () => {
    expect(await findings({})).toMatchObject([
      { verdict: 'ok', what: expect.stringContaining('208 MB (8 segments ahead, 4 behind') },
    ]);
    const [tooLarge] = await findings({ prefetch: '1024', 'prefetch-size': '1024TB' }, { segmentBytes: 2 ** 30 });
    expect(tooLarge).toMatchObject({ verdict: 'problem', advice: expect.stringContaining('--prefetch-size') });
  });

  test('says that nothing is fetched ahead where not one segment fits', async () => {
    const [found] = await findings({ 'prefetch-size': '256MB' }, { segmentBytes: 2 ** 30 });
    expect(found).toMatchObject({ verdict: 'note', what: expect.stringContaining('nothing is fetched ahead') });
  });

  test('looks into the buffer directory that is named, also where it is not made yet', async () => {
    const parent = directoryWith();
    const [found] = await findings({ 'buffer-dir': join(parent, 'not', 'yet') });
    expect(found?.what).toContain(`in ${parent} takes`);
  });

  test('counts what lies in the local directory, and says when it cannot be read', async () => {
    const local = directoryWith({ [nameOf(1)]: '', 'other.txt': '' });
    const [, good] = await findings({ 'local-dir': local });
    expect(good).toMatchObject({ verdict: 'ok', what: expect.stringContaining('1 archive files; looked at before') });
    const [, only] = await findings({ 'local-dir': local, 'only-local': true });
    expect(only?.what).toContain('no host is asked');
    const [, bad] = await findings({ 'local-dir': join(local, 'none') });
    expect(bad).toMatchObject({ verdict: 'problem' });
  });

  test.each([
    ['nothing streams', '', ['ok']],
    ['streaming goes past it', "primary_conninfo = 'host=db1'\n", ['ok', 'problem']],
    ['PostgreSQL delays what streams', "primary_conninfo = 'host=db1'\nrecovery_min_apply_delay = '1h'\n", ['ok']],
    ['PostgreSQL’s delay is 0', "primary_conninfo = 'host=db1'\nrecovery_min_apply_delay = 0ms\n", ['ok', 'problem']],
  ])('says whether a delay holds: %s', async (_, configuration, verdicts) => {
    const data = directoryWith({ 'postgresql.conf': configuration });
    const [, ...ofDelay] = await findings({}, { delay: '3600', data });
    expect(ofDelay.map(({ verdict }) => verdict)).toEqual(verdicts);
    const [, ...withoutDelay] = await findings({}, { data });
    expect(withoutDelay).toEqual([]);
  });

  test('does not judge what only a host knows', async () => {
    const found = await checkLocal(settingsOf({}), undefined, directoryWith(), directoryWith());
    expect(found.filter(({ what }) => what.includes('buffer'))).toEqual([]);
  });
});

describe('whether one host alone can say where the WAL ends', () => {
  const arch1: PeerLook = { hostName: 'arch1', peer: 'arch2', storeId: 'a', pledgedWith: 'b' };
  const arch2: PeerLook = { hostName: 'arch2', peer: 'arch1', storeId: 'b', pledgedWith: 'a' };

  test.each<[string, PeerLook[], string[]]>([
    ['it can, where both say so and know each other', [arch1, arch2], ['ok']],
    ['not where one holds no pledge', [arch1, { ...arch2, pledgedWith: '' }], ['note']],
    ['not where one is of an older release', [arch1, { ...arch2, pledgedWith: undefined }], ['note']],
    ['not where one holds it with another archive', [{ ...arch1, pledgedWith: 'c' }, arch2], ['note']],
    ['not where they call each other otherwise', [{ ...arch1, peer: 'other' }, arch2], ['note']],
    ['nothing is said where one cannot be asked', [arch1, { ...arch2, storeId: undefined }], []],
    ['nothing is said of one host', [arch1], []],
  ])('%s', (_, looks, verdicts) => {
    expect(checkOneNo(looks).map(({ verdict }) => verdict)).toEqual(verdicts);
  });
});
