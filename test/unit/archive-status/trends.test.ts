import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { HostLook } from '../../../packages/archive-status/src/derive/cluster-look.ts';
import { takeTrends } from '../../../packages/archive-status/src/gather/trends.ts';
import { known, unknown } from '../../../packages/archive-status/src/model/known.ts';
import { SampleBook } from '../../../packages/archive-status/src/samples/sample-book.ts';
import type { ServerLook } from '../../../packages/archive-status/src/sources/server-watch.ts';
import type { HostSurvey } from '../../../packages/core/src/backups/host-survey.ts';

const MINUTE_MS = 60_000;
const GIB = 2 ** 30;

function stateDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'status-samples-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function hostLook(freeBytes: number, debts: number): HostLook {
  const survey = { disk: { freeBytes, totalBytes: 100 * GIB, freeInodes: 1 }, debts: { count: debts } } as HostSurvey;
  return { name: 'arch1', isLocal: false, answeredAtMs: 0, tookMs: 0, survey: known(survey), events: known([]) };
}

function serverLook(freeBytes: number): ServerLook {
  const away = unknown('not asked');
  const walDisk = known({ freeBytes, totalBytes: 100 * GIB });
  return { name: 'db1:5432', answeredAtMs: 0, tookMs: 0, answer: away, walDirectory: away, walDisk };
}

/** A look at that minute, by a process of its own: what it knows of earlier ones is in the file. */
async function lookAt(directory: string, minute: number, free: { disk: number; wal: number }, debts = 0) {
  const book = new SampleBook(directory);
  await book.load();
  const looks = { hosts: [hostLook(free.disk, debts)], servers: [serverLook(free.wal)], nowMs: minute * MINUTE_MS };
  const trends = takeTrends(book, 'main', looks);
  await book.save();
  return trends;
}

describe('trends', () => {
  it('are not known before there is enough, then tell when a disk is full', async () => {
    const directory = stateDirectory();
    // A GiB goes every quarter of an hour, and as much of pg_wal's in a minute.
    for (let quarter = 0; quarter < 4; quarter++) {
      const trends = await lookAt(directory, quarter * 15, { disk: (20 - quarter) * GIB, wal: 50 * GIB });
      expect(trends.diskFullAtMs('arch1')).toMatchObject({
        known: false,
        reason: expect.stringContaining('not known yet'),
      });
    }
    const trends = await lookAt(directory, 60, { disk: 16 * GIB, wal: 50 * GIB });
    expect(trends.diskFullAtMs('arch1')).toEqual(known((60 + 16 * 15) * MINUTE_MS));
    expect(trends.walFullAtMs('db1:5432')).toEqual(known(null));
    expect(trends.diskFullAtMs('arch2')).toMatchObject({ known: false });
    for (let minute = 61; minute < 66; minute++)
      await lookAt(directory, minute, { disk: 16 * GIB, wal: (50 - (minute - 60)) * GIB });
    const filling = (await lookAt(directory, 66, { disk: 16 * GIB, wal: 44 * GIB })).walFullAtMs('db1:5432');
    if (!filling.known || filling.value === null) throw new Error('pg_wal does not fill');
    expect(filling.value).toBeGreaterThan(66 * MINUTE_MS);
  });

  it('tell whether debts have become more in five minutes', async () => {
    const directory = stateDirectory();
    const free = { disk: GIB, wal: GIB };
    expect((await lookAt(directory, 0, free, 3)).debtsGrowth('arch1').known).toBe(false);
    expect((await lookAt(directory, 4, free, 5)).debtsGrowth('arch1').known).toBe(false);
    expect((await lookAt(directory, 5, free, 7)).debtsGrowth('arch1')).toEqual(known(4));
    expect((await lookAt(directory, 10, free, 1)).debtsGrowth('arch1')).toEqual(known(-6));
  });

  it('survive a file that is none, and leave nothing else behind', async () => {
    const directory = stateDirectory();
    writeFileSync(join(directory, 'status-samples.json'), '{"version":1,"ser');
    expect((await lookAt(directory, 0, { disk: GIB, wal: GIB })).diskFullAtMs('arch1').known).toBe(false);
    expect(readdirSync(directory)).toEqual(['status-samples.json']);
  });
});
