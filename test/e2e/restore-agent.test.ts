import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ArchiveStand } from '../support/archive-stand.ts';
import { DataDirectory } from '../support/data-directory.ts';
import type { Machine } from '../support/machine.ts';
import { RestoringDirectory } from '../support/restoring-directory.ts';
import { waitFor } from '../support/wait-for.ts';
import { segmentName } from '../support/wal-file.ts';

const MIB = 1024 ** 2;

describe('the agent that fetches ahead', () => {
  let stand: ArchiveStand;
  let restorer: Machine;
  let data: DataDirectory;

  beforeAll(async () => {
    stand = await ArchiveStand.create();
    restorer = await stand.stand.machine('restorer');
    await stand.admit(restorer, 'get');
    data = new DataDirectory(stand, 'source');
  });

  afterAll(async () => {
    await stand?.close();
  });

  /** Archives segments of a timeline. What WAL is mostly made of compresses: so do these. */
  const archive = async (timeline: number, count: number, noiseBytes: number) => {
    for (let number = 1; number <= count; number += 1) {
      const { name, content } = data.segment(number, { timeline });
      content.fill(0, noiseBytes);
      data.file(name, content);
      data.markReady(name);
    }
    const names = Array.from({ length: count }, (_, index) => segmentName({ number: 1 + index, timeline }));
    for (const name of names) {
      expect(await data.archive(name, { flags: ['--pwals=16'] })).toMatchObject({ status: 0 });
      data.remove(name);
    }
    const isOnBoth = () =>
      stand.hosts.every((host) => names.every((name) => host.files(stand.walDirectory).includes(name)));
    await waitFor(isOnBoth, { what: 'both hosts to have them', timeoutMs: 30_000, intervalMs: 200 });
    return names;
  };

  const agentOf = ({ path }: RestoringDirectory) => {
    const [agent] = restorer
      .processes('restore_cmd agent run')
      .filter(({ argv }) => argv.includes(`--data-dir=${path}`));
    if (agent === undefined) throw new Error('no agent runs');
    return agent.pid;
  };

  const residentBytes = (pid: number) =>
    Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;

  const bufferOf = (directory: RestoringDirectory) => {
    const state = restorer.path(directory.stateDirectory);
    const buffers = readdirSync(state).filter((name) => name.startsWith('buffer-'));
    return buffers.flatMap((name) => readdirSync(`${state}/${name}`));
  };

  test('needs no more memory and no more disk after 1,000 segments than after 300', async () => {
    const directory = new RestoringDirectory(stand, restorer, 'thousand', 'standby', data.systemIdentifier);
    const sizes: number[] = [];
    let held = 0;
    // Ten runs over the same hundred, as a server does that begins again: to the agent each of them is another segment.
    const names = await archive(1, 100, 100_000);
    for (let run = 0; run < 10; run += 1) {
      await directory.restoreAll(names);
      sizes.push(residentBytes(agentOf(directory)));
      held = Math.max(held, bufferOf(directory).length);
    }
    // What the runtime needs for its work it has by then.
    const [, , after300 = 0] = sizes;
    const after1000 = sizes.at(-1) ?? 0;
    expect({ sizes, isFlat: after1000 - after300 < 24 * MIB }).toEqual({ sizes, isFlat: true });
    expect(after1000 / MIB).toBeLessThan(160);
    // The window, what is kept behind it, and what is on its way.
    expect(held).toBeLessThanOrEqual(8 + 4 + 3);
  });

  test('fetches from both hosts at the same time: each brings its share', async () => {
    const names = await archive(2, 40, MIB);
    const directory = new RestoringDirectory(stand, restorer, 'shares', 'recovery', data.systemIdentifier);
    const before = await receivedFrom();
    await directory.restoreAll(names);
    const after = await receivedFrom();
    const shares = after.map((bytes, index) => (bytes - (before[index] ?? 0)) / MIB);
    for (const share of shares)
      expect({ shares, isFair: share > 0.3 * names.length }).toEqual({ shares, isFair: true });
  });

  /** What each host has sent to the machine that restores, in bytes. */
  const receivedFrom = async () => {
    const sentBy = async (host: Machine) => {
      const link = JSON.parse(await host.check(['ip', '-s', '-j', 'link', 'show', 'eth0'])) as {
        stats64: { tx: { bytes: number } };
      }[];
      return link[0]?.stats64.tx.bytes ?? 0;
    };
    return await Promise.all(stand.hosts.map(({ machine }) => sentBy(machine)));
  };
});
