import { closeSync, openSync, truncateSync, writeSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ArchiveStand, walDirectoryOf } from '../support/archive-stand.ts';
import { DataDirectory } from '../support/data-directory.ts';
import { peakMbOf } from '../support/peak-memory.ts';
import { segmentHeader, segmentName } from '../support/wal-file.ts';

describe('the memory of an agent stays under 200 MB', () => {
  let stand: ArchiveStand;
  let data: DataDirectory;

  beforeAll(async () => {
    stand = await ArchiveStand.create();
  });

  afterAll(async () => {
    await stand?.close();
  });

  const clusterOf = async (name: string) => {
    await stand.addCluster(name);
    data = new DataDirectory(stand, name);
    return {
      hosts: `arch1-${name} arch2-${name}`,
      walDirectory: walDirectoryOf(name),
      cluster: name,
      timeoutMs: 110_000,
    };
  };

  test.each([
    // As WAL does, it compresses to about a third; or, as what is encrypted does, not at all.
    { megabytes: 16, what: 'WAL', count: 16 },
    { megabytes: 64, what: 'WAL', count: 4 },
    { megabytes: 16, what: 'noise', count: 24 },
    { megabytes: 64, what: 'noise', count: 3 },
  ])('for $count segments of $megabytes MB of $what, shipped ahead', async ({ megabytes, what, count }) => {
    const call = await clusterOf(`${what.toLowerCase()}${megabytes}`);
    const sizeBytes = megabytes * 1024 ** 2;
    const names = Array.from({ length: count }, (_, index) => {
      const { name, content } = data.segment(index + 1, { sizeBytes });
      if (what === 'WAL')
        for (let page = 8192; page < sizeBytes; page += 8192) content.fill(0, page + 2731, page + 8192);
      data.file(name, content);
      data.markReady(name);
      return name;
    });
    for (const name of names) {
      const result = await data.archive(name, { ...call, flags: ['--cmd-timeout=100'] });
      expect(result).toMatchObject({ status: 0, stderr: '' });
    }
    const peak = peakMbOf(data.agent().pid);
    for (const name of names) data.remove(name);
    expect(peak).toBeLessThan(200);
  });

  test('for a segment of 1 GB', async () => {
    const call = await clusterOf('huge');
    const sizeBytes = 1024 ** 3;
    const number = 5;
    const name = segmentName({ number, sizeBytes });
    const header = segmentHeader({ number, sizeBytes, systemIdentifier: data.systemIdentifier });
    // Noise and emptiness in turn: what is stored is large, and the test stays short.
    data.file(name, header);
    const outside = stand.primary.path(`${data.path}/pg_wal/${name}`);
    truncateSync(outside, sizeBytes);
    const noise = crypto.getRandomValues(new Uint8Array(32_768));
    const descriptor = openSync(outside, 'r+');
    for (let at = 1024 ** 2; at < sizeBytes; at += 1024 ** 2) writeSync(descriptor, noise, 0, noise.length, at);
    closeSync(descriptor);

    const result = await data.archive(name, { ...call, flags: ['--cmd-timeout=100'] });
    const peak = peakMbOf(data.agent().pid);
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(peak).toBeLessThan(200);
    for (const host of stand.hosts) {
      expect(
        (await host.machine.check(['sh', '-c', `zstd -dcq ${walDirectoryOf('huge')}/${name} | sha256sum`])).slice(
          0,
          64,
        ),
      ).toBe((await stand.primary.check(['sha256sum', `${data.path}/pg_wal/${name}`])).slice(0, 64));
    }
    data.remove(name);
  });
});
