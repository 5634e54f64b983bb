import { execFileSync } from 'node:child_process';
import { readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ArchiveHost } from '../support/archive-host.ts';
import { ArchiveStand, sha256 } from '../support/archive-stand.ts';
import { DataDirectory } from '../support/data-directory.ts';
import type { Machine } from '../support/machine.ts';
import { type Asker, type RestoreCall, RestoringDirectory } from '../support/restoring-directory.ts';
import { waitFor } from '../support/wait-for.ts';
import { segmentName } from '../support/wal-file.ts';

/** By default, recovery asks again for five minutes. */
const impatient = ['--unavailable-timeout=0', '--connect-timeout=1.5', '--stall-timeout=2'];
const absent = { standby: 1, recovery: 1, elsewhere: 1 };
const unknown = { standby: 1, recovery: 126, elsewhere: 126 };
const askers = ['standby', 'recovery', 'elsewhere'] as const;

const ways = [
  { by: 'its agent', way: [] },
  { by: 'itself', way: ['--no-agent'] },
];

describe.each(ways)('restore_cmd, by $by,', ({ way }) => {
  let stand: ArchiveStand;
  let restorer: Machine;
  let data: DataDirectory;
  let directories = 0;
  let timeline = 0;

  beforeAll(async () => {
    stand = await ArchiveStand.create();
    restorer = await stand.stand.machine('restorer');
    await stand.admit(restorer, 'get');
    data = new DataDirectory(stand, 'source');
  });

  afterEach(async () => {
    for (const { machine } of stand.hosts) await restorer.heal(machine);
  });

  afterAll(async () => {
    await stand?.close();
  });

  /** Archives segments on a timeline of their own, from number 10 on. */
  const archived = async (count: number) => {
    timeline += 1;
    const segments = Array.from({ length: count }, (_, index) => data.segment(10 + index, { timeline }));
    for (const { name } of segments) expect((await data.archive(name)).status).toBe(0);
    return segments;
  };

  const archivedOne = async () => {
    const [segment] = await archived(1);
    if (segment === undefined) throw new Error('a segment was made');
    return { ...segment, next: segmentName({ number: 11, timeline }) };
  };

  const newDirectory = (asker: Asker, systemIdentifier = data.systemIdentifier) => {
    directories += 1;
    return new RestoringDirectory(stand, restorer, `restoring${directories}`, asker, systemIdentifier);
  };

  /** The status that each asker gets; only with 0 is anything delivered. */
  const statuses = async (name: string, call: RestoreCall = {}, systemIdentifier = data.systemIdentifier) => {
    const flags = [...way, ...impatient, ...(call.flags ?? [])];
    const found = askers.map(async (asker) => {
      const directory = newDirectory(asker, systemIdentifier);
      const { status, digest } = await directory.restore(name, { ...call, flags });
      if (status !== 0) expect({ asker, digest, left: directory.leftovers() }).toEqual({ asker, left: [] });
      return [asker, status] as const;
    });
    return Object.fromEntries(await Promise.all(found));
  };

  const expectDelivered = async (asker: Asker, { name, content }: { name: string; content: Buffer }, call = {}) => {
    const result = await newDirectory(asker).restore(name, { flags: [...way, ...impatient], ...call });
    expect({ asker, ...result }).toMatchObject({ asker, status: 0, digest: sha256(content) });
  };

  const stored = (host: ArchiveHost, name: string) => host.machine.path(`${stand.walDirectory}/${name}`);

  /** The ports from which somebody waits for arch2 to answer. */
  const connecting = async () => {
    const { address } = stand.arch2.machine;
    const attempts = await restorer.check(['ss', '-Htn', 'state', 'syn-sent', 'dst', address]);
    return [...attempts.matchAll(/:(\d+)\s+\S+:22\b/g)].map(([, port = '']) => port);
  };

  const flipByte = (host: ArchiveHost, name: string) => {
    const bytes = readFileSync(stored(host, name));
    const at = Math.floor(bytes.length / 2);
    bytes[at] = (bytes[at] ?? 0) ^ 0x10;
    writeFileSync(stored(host, name), bytes);
  };

  test('delivers what is archived to whoever asks, in any order and again', async () => {
    const segments = await archived(4);
    const ask = async (asker: Asker) => {
      const directory = newDirectory(asker);
      for (const index of [0, 1, 3, 0, 2, 2]) {
        const { name = '', content = '' } = segments[index] ?? {};
        const result = await directory.restore(name, { flags: way });
        expect({ asker, index, ...result }).toMatchObject({ asker, index, status: 0, digest: sha256(content) });
      }
    };
    await Promise.all(askers.map(ask));
  });

  test('says 1 for what neither host has', async () => {
    const { next } = await archivedOne();
    expect(await statuses(next)).toEqual(absent);
    expect(await statuses('000000FF.history')).toEqual(absent);
  });

  test('never delivers a .partial for its segment, but under its own name', async () => {
    const { next } = await archivedOne();
    const partial = `${next}.partial`;
    const { content } = data.segment(11, { timeline });
    data.remove(next);
    data.file(partial, content);
    expect((await data.archive(partial)).status).toBe(0);
    expect(await statuses(next)).toEqual(absent);
    await expectDelivered('elsewhere', { name: partial, content });
  });

  test('takes a segment that is damaged on one host from the other, and the host repairs its copy', async () => {
    const segment = await archivedOne();
    flipByte(stand.arch1, segment.name);
    const damaged = readFileSync(stored(stand.arch1, segment.name));
    await Promise.all(askers.map((asker) => expectDelivered(asker, segment)));
    // Whichever host is the quicker one is asked first: the damaged copy is found sooner or later.
    const isRepaired = async () => {
      await expectDelivered('recovery', segment);
      return readFileSync(stored(stand.arch1, segment.name)).equals(readFileSync(stored(stand.arch2, segment.name)));
    };
    await waitFor(isRepaired, {
      what: `host 1 to replace its copy of ${segment.name} by that of host 2`,
      timeoutMs: 30_000,
    });
    const kept = stand.quarantine(stand.arch1).filter((name) => name.startsWith(segment.name));
    expect(kept).toHaveLength(1);
    expect(readFileSync(stored(stand.arch1, `../quarantine/${kept[0]}`)).equals(damaged)).toBe(true);
  });

  test('takes a segment from neither host if it is damaged on both, and leaves both as they are', async () => {
    const segment = await archivedOne();
    for (const host of stand.hosts) flipByte(host, segment.name);
    const before = stand.hosts.map((host) => readFileSync(stored(host, segment.name)));
    expect(await statuses(segment.name)).toEqual(unknown);
    expect(stand.hosts.map((host) => readFileSync(stored(host, segment.name)))).toEqual(before);
  });

  test('never delivers right-sized zeros, and the host replaces them', async () => {
    const segment = await archivedOne();
    const zeros = Buffer.alloc(segment.content.length);
    const compressed = execFileSync('zstd', ['-cq', '--check'], { input: zeros });
    writeFileSync(stored(stand.arch1, segment.name), zeros);
    const isReplaced = async () => {
      await expectDelivered('recovery', segment);
      return !readFileSync(stored(stand.arch1, segment.name)).equals(zeros);
    };
    await waitFor(isReplaced, { what: `host 1 to replace its zeros under ${segment.name}`, timeoutMs: 30_000 });
    writeFileSync(stored(stand.arch1, segment.name), compressed);
    writeFileSync(stored(stand.arch2, segment.name), zeros);
    expect(await statuses(segment.name)).toEqual(unknown);
  });

  test('tells a hole from the end', async () => {
    const [, missing] = await archived(3);
    for (const host of stand.hosts) rmSync(stored(host, missing?.name ?? ''));
    expect(await statuses(missing?.name ?? '')).toEqual(unknown);
  });

  test('delivers nothing to a server of another cluster', async () => {
    const { name } = await archivedOne();
    expect(await statuses(name, {}, data.systemIdentifier + 1n)).toEqual(unknown);
  });

  test('delivers with either host away', async () => {
    const segment = await archivedOne();
    for (const { machine } of stand.hosts) {
      await restorer.cut(machine);
      await Promise.all(askers.map((asker) => expectDelivered(asker, segment)));
      await restorer.heal(machine);
    }
  });

  test('with a host away never says "absent" where that would end a recovery', async () => {
    const { next } = await archivedOne();
    await restorer.cut(stand.arch2.machine);
    expect(await statuses(next)).toEqual(unknown);
    expect(await statuses(next, { flags: ['--on-unavailable=end'] })).toEqual(absent);
    expect(await statuses(next, { hosts: 'arch1' })).toEqual(absent);
    const flags = [...way, '--connect-timeout=1.5', '--on-unavailable=abort'];
    const aborted = await newDirectory('recovery').restore(next, { flags });
    await restorer.heal(stand.arch2.machine);
    expect(aborted).toMatchObject({ status: 126, stderr: expect.stringContaining('--on-unavailable=end') });
  });

  test('in recovery asks again until a host is back', async () => {
    const { name, content } = await archivedOne();
    for (const { machine } of stand.hosts) await restorer.cut(machine);
    const directory = newDirectory('recovery');
    const flags = [...way, '--connect-timeout=1', '--unavailable-timeout=60'];
    const asking = directory.spawn(name, { flags });
    const attempts = new Set<string>();
    const hasTriedAgain = async () => {
      for (const port of await connecting()) attempts.add(port);
      return attempts.size > 1;
    };
    await waitFor(hasTriedAgain, { what: 'the second attempt' });
    expect(asking.isRunning).toBe(true);
    await restorer.heal(stand.arch2.machine);
    const ended = await asking.endWithin(30_000);
    expect(ended).toMatchObject({ status: 0 });
    expect(directory.delivered(name)).toBe(sha256(content));
  });

  test('believes no "absent" of an archive that cannot be read', async () => {
    const { next } = await archivedOne();
    for (const part of ['logs.complete', 'cluster.json']) {
      const path = stand.arch2.machine.path(`/archive/main/${part}`);
      renameSync(path, `${path}.away`);
      const found = await statuses(next);
      renameSync(`${path}.away`, path);
      expect({ part, found }).toEqual({ part, found: unknown });
    }
  });

  test('keeps a standby the delay behind, but no history file, and nobody else', async () => {
    const segment = await archivedOne();
    const history = `${(timeline + 100).toString(16).toUpperCase().padStart(8, '0')}.history`;
    data.file(history, '1\t0/3000000\tno recovery target specified\n');
    expect((await data.archive(history)).status).toBe(0);
    expect(await statuses(segment.name, { delaySeconds: 3600 })).toEqual({ standby: 1, recovery: 0, elsewhere: 0 });
    expect(await statuses(history, { delaySeconds: 3600 })).toEqual({ standby: 0, recovery: 0, elsewhere: 0 });
    const overAnHourAgo = Date.now() / 1000 - 3700;
    for (const host of stand.hosts) utimesSync(stored(host, segment.name), overAnHourAgo, overAnHourAgo);
    await expectDelivered('standby', segment, { delaySeconds: 3600 });
  });

  test('dies by the SIGTERM that it is sent', async () => {
    const { next } = await archivedOne();
    await restorer.cut(stand.arch2.machine);
    const ends = askers.map(async (asker) => {
      const program = newDirectory(asker).spawn(next, { flags: [...way, '--connect-timeout=20'] });
      await waitFor(async () => (await connecting()).length > 0, { what: 'the attempt to connect' });
      await program.signal('SIGTERM');
      return await program.endWithin(10_000);
    });
    for (const end of await Promise.all(ends)) expect(end).toMatchObject({ status: null, signal: 'SIGTERM' });
  });

  test('refuses a wrong call without saying that the file is absent', async () => {
    for (const name of ['../../etc/passwd', 'LASTLOG', '$(id)']) expect(await statuses(name)).toEqual(unknown);
    expect(await statuses('000000010000000000000001', { flags: ['--nonsense'] })).toEqual(unknown);
    expect(await statuses('000000010000000000000001', { hosts: 'arch1 arch2 arch3' })).toEqual(unknown);
  });
});
