import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { maxPins, type Pin, Pins } from '../../../packages/core/src/backups/pins.ts';
import { protectionsOf } from '../../../packages/core/src/backups/protection.ts';
import { timelineFromNumber } from '../../../packages/core/src/wal/timeline-id.ts';
import { clusterDirectory } from '../archive/test-store.ts';
import { failureFrom } from '../base/expect-failure.ts';
import { lsnIn, nowMs } from './backup-files.ts';

function pin(number: number, fields: Partial<Pin> = {}): Pin {
  const from = { timeline: timelineFromNumber(1)!, lsn: lsnIn(7) };
  return {
    id: `restore-of-db2-${String(number).padStart(3, '0')}`,
    holder: 'db2',
    from,
    expiresMs: nowMs + 1000,
    ...fields,
  };
}

describe('a pin', () => {
  test('is a file of its owner alone that a person can read', async () => {
    const cluster = clusterDirectory();
    await new Pins(cluster).set(pin(1), nowMs);
    const path = join(cluster.pinsDirectory, `${pin(1).id}.json`);
    expect(statSync(path).mode & 0o7777).toBe(0o600);
    expect(await new Pins(cluster).list()).toEqual([pin(1)]);
  });

  test('that a person wrote under a name of theirs holds WAL, and is removed when it is over', async () => {
    const cluster = clusterDirectory();
    const pins = new Pins(cluster);
    await pins.set(pin(1), nowMs);
    const text = readFileSync(join(cluster.pinsDirectory, `${pin(1).id}.json`), 'utf8');
    writeFileSync(join(cluster.pinsDirectory, 'drill.json'), text);
    expect((await pins.list()).map(({ id }) => id)).toContain('drill');
    expect(await pins.removeExpired(nowMs + 2000)).toBe(2);
    expect(await pins.list()).toEqual([]);
  });

  test('set again is moved, and removed twice is gone', async () => {
    const pins = new Pins(clusterDirectory());
    await pins.set(pin(1), nowMs);
    const moved = pin(1, { from: { ...pin(1).from, lsn: lsnIn(9) }, expiresMs: nowMs + 5000 });
    await pins.set(moved, nowMs);
    expect(await pins.list()).toEqual([moved]);
    await pins.remove(pin(1).id);
    await pins.remove(pin(1).id);
    expect(await pins.list()).toEqual([]);
  });

  test('protects until its time is over', async () => {
    const protections = (atMs: number) => protectionsOf('arch1', [], [pin(1)], atMs);
    expect(protections(nowMs)).toMatchObject([{ holder: 'pin of db2', from: { lsn: lsnIn(7) }, permits: false }]);
    expect(protections(nowMs + 1000)).toEqual([]);
  });

  test.each([
    ['../../../etc/passwd-------', 'db2'],
    ['short', 'db2'],
    ['.hidden-hidden-hidden', 'db2'],
    ['restore-of-db2-0001', ''],
    ['restore-of-db2-0001', 'db2\nsecond line'],
    ['restore-of-db2-0001', 'x'.repeat(81)],
  ])('with the id %j and the holder %j is refused', async (id, holder) => {
    const cluster = clusterDirectory();
    await failureFrom('usage', new Pins(cluster).set(pin(1, { id, holder }), nowMs));
    expect(readdirSync(cluster.path)).toEqual(['logs.complete']);
  });

  test.each([
    '',
    '{}',
    '{"format":1,"holder":"x","timeline":1,"from":"0/1"}',
    '{"format":1,"holder":"x","timeline":0,"from":"0/1","expires":"2026-11-21T00:00:00Z"}',
  ])('that cannot be read (%j) is an error: nobody knows what it holds', async (text) => {
    const cluster = clusterDirectory();
    mkdirSync(cluster.pinsDirectory, { recursive: true });
    writeFileSync(join(cluster.pinsDirectory, 'restore-of-db2-0001.json'), text);
    await failureFrom('damaged', new Pins(cluster).list());
  });
});

describe('pins', () => {
  test('that nobody ever set are none', async () => {
    expect(await new Pins(clusterDirectory()).list()).toEqual([]);
  });

  test('are bounded, and one whose time is over makes room', async () => {
    const pins = new Pins(clusterDirectory());
    for (let number = 1; number <= maxPins; number += 1) await pins.set(pin(number), nowMs);
    await failureFrom('busy', pins.set(pin(0), nowMs));
    await pins.set(pin(maxPins), nowMs);
    await pins.set(pin(0), nowMs + 1000);
    expect(await pins.list()).toEqual([pin(0)]);
  });

  test('whose time is over stay until somebody who trusts the clock removes them', async () => {
    const pins = new Pins(clusterDirectory());
    await pins.set(pin(1), nowMs);
    await pins.set(pin(2, { expiresMs: nowMs + 5000 }), nowMs + 2000);
    expect(await pins.list()).toHaveLength(2);
    expect(await pins.removeExpired(nowMs + 2000)).toBe(1);
    expect(await pins.list()).toHaveLength(1);
  });
});
