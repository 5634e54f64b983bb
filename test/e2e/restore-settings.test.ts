import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ArchiveStand, sha256 } from '../support/archive-stand.ts';
import { DataDirectory } from '../support/data-directory.ts';
import type { Machine } from '../support/machine.ts';
import { type Asker, type RestoreCall, RestoringDirectory } from '../support/restoring-directory.ts';
import { waitFor } from '../support/wait-for.ts';
import { segmentName } from '../support/wal-file.ts';

const impatient = ['--unavailable-timeout=0', '--connect-timeout=1.5', '--stall-timeout=2'];
const localDirectory = '/var/lib/archive2/by-hand';

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
    restorer.makeDirectory(localDirectory, 0o700);
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
    await stand.waitForNoDebts();
    return segments;
  };

  /** Says on both hosts that the primary wrote to the segment so many minutes ago. */
  const date = ({ name }: { name: string }, minutesAgo: number) => {
    const seconds = Date.now() / 1000 - minutesAgo * 60;
    for (const { machine } of stand.hosts) utimesSync(machine.path(`${stand.walDirectory}/${name}`), seconds, seconds);
  };

  const momentOf = (minutesAgo: number) => new Date(Date.now() - minutesAgo * 60_000).toISOString();

  const newDirectory = (asker: Asker) => {
    directories += 1;
    return new RestoringDirectory(stand, restorer, `set${directories}`, asker, data.systemIdentifier);
  };

  const statusOf = async (directory: RestoringDirectory, { name }: { name: string }, call: RestoreCall = {}) => {
    const { status } = await directory.restore(name, { ...call, flags: [...way, ...impatient, ...(call.flags ?? [])] });
    return status;
  };

  const statusesOf = async (directory: RestoringDirectory, segments: { name: string }[], call: RestoreCall = {}) => {
    const statuses: (number | null)[] = [];
    for (const segment of segments) statuses.push(await statusOf(directory, segment, call));
    return statuses;
  };

  const cutAll = async () => {
    for (const { machine } of stand.hosts) await restorer.cut(machine);
  };

  test('keeps a paused standby where it is, whatever restarts, until it is resumed', async () => {
    const [old, ...young] = await archived(3);
    if (old === undefined) throw new Error('segments were made');
    date(old, 10);
    const [paused, control] = [newDirectory('standby'), newDirectory('standby')];
    const late = { delaySeconds: 2 };
    expect(await statusOf(paused, old, late)).toBe(0);
    expect(await paused.operate('delay', 'pause', '--data-dir', paused.path)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('mode=paused'),
    });
    const last = data.segment(13, { timeline });
    expect((await data.archive(last.name)).status).toBe(0);
    // The delay of one that nobody paused is over: then it is over for this one too.
    const what = `the delay of ${last.name} to be over`;
    await waitFor(async () => (await statusOf(control, last, late)) === 0, { what, intervalMs: 200 });
    expect(await statusesOf(paused, [last, old], late)).toEqual([1, 0]);
    await paused.killAgents();
    expect(await statusesOf(paused, [last, old], late)).toEqual([1, 0]);
    expect((await paused.operate('delay', 'resume')).stdout).toContain('mode=normal');
    expect(await statusesOf(paused, [...young, last], late)).toEqual([0, 0, 0]);
  });

  test('releases a standby up to a moment, with the segment that contains it, and nothing newer', async () => {
    const segments = await archived(5);
    for (const [index, segment] of segments.entries()) date(segment, [120, 30, 20, 10, 5][index] ?? 0);
    const standby = newDirectory('standby');
    const late = { delaySeconds: 3600 };
    expect(await statusesOf(standby, segments.slice(0, 2), late)).toEqual([0, 1]);
    const passed = await standby.operate('delay', 'release', '--until', momentOf(61), '--data-dir', standby.path);
    expect(passed).toMatchObject({ status: 2, stderr: expect.stringContaining('has passed') });
    const released = await standby.operate('delay', 'release', '--until', momentOf(25));
    expect(released).toMatchObject({ status: 0, stdout: expect.stringContaining('lastSegment=not-yet') });
    expect(await statusesOf(standby, segments, late)).toEqual([0, 0, 0, 1, 1]);
    expect((await standby.operate('delay', 'show')).stdout).toContain(`lastSegment=${segments[2]?.name}`);
    await standby.killAgents();
    expect(await statusesOf(standby, segments.slice(1), late)).toEqual([0, 0, 1, 1]);
    await standby.operate('delay', 'release', '--until', momentOf(7));
    expect(await statusesOf(standby, segments, late)).toEqual([0, 0, 0, 0, 0]);
    await standby.operate('delay', 'resume');
    expect(await statusOf(newDirectory('standby'), segments[4] ?? { name: '' }, late)).toBe(1);
  });

  test('has no standby to pause where there is no delay, or several and none is named', async () => {
    const [segment] = await archived(1);
    const standby = newDirectory('standby');
    expect(await statusOf(standby, segment ?? { name: '' })).toBe(0);
    for (const words of [['pause'], ['resume', '--data-dir', standby.path], ['release', '--until', momentOf(0)]]) {
      const refused = await standby.operate('delay', ...words);
      expect({ words, ...refused }).toMatchObject({ status: 2, stderr: expect.stringContaining('no delayed standby') });
    }
    expect((await standby.operate('delay', 'show')).stdout).toContain('no delayed standby');
    for (const words of [[], ['stop'], ['release'], ['pause', '--until', momentOf(0)]]) {
      expect({ words, ...(await standby.operate('delay', ...words)) }).toMatchObject({ status: 2 });
    }
  });

  test('takes files from the local directory first, never a bad one, and leaves them there', async () => {
    const [first, second] = await archived(2);
    if (first === undefined || second === undefined) throw new Error('segments were made');
    const byHand = data.segment(12, { timeline });
    const put = (name: string, content: Buffer) => writeFileSync(restorer.path(`${localDirectory}/${name}`), content);
    put(byHand.name, byHand.content);
    put(second.name, Buffer.alloc(second.content.length));
    const directory = newDirectory('recovery');
    const local = { flags: [...way, ...impatient, `--local-dir=${localDirectory}`] };
    for (const { name, content } of [byHand, second, byHand]) {
      expect(await directory.restore(name, local)).toMatchObject({ status: 0, digest: sha256(content) });
    }
    await cutAll();
    expect(await directory.restore(byHand.name, local)).toMatchObject({ status: 0 });
    const only = { flags: [...way, ...impatient, `--local-dir=${localDirectory}`, '--only-local'] };
    const statuses = async (name: string) => (await directory.restore(name, only)).status;
    expect(await statuses(segmentName({ number: 13, timeline }))).toBe(1);
    expect(await statuses('000000FF.history')).toBe(1);
    // Bad, and missing although later WAL is there: neither is the end.
    expect(await statuses(second.name)).toBe(126);
    expect(await statuses(first.name)).toBe(126);
    const elsewhere = { flags: [...only.flags, '--local-dir=/nonexistent'] };
    expect((await directory.restore(segmentName({ number: 13, timeline }), elsewhere)).status).toBe(126);
  });

  test('checks what its settings need', async () => {
    const directory = newDirectory('standby');
    mkdirSync(restorer.path(`${directory.path}/conf.d`));
    const configuration = "include_dir 'conf.d'\n";
    restorer.writeFile(`${directory.path}/postgresql.conf`, configuration);
    restorer.writeFile(`${directory.path}/conf.d/1.conf`, "primary_conninfo = 'host=db1'\n");
    const words = ['check', 'arch1 arch2', stand.walDirectory, '3600', `--local-dir=${localDirectory}`, ...way];
    const found = await directory.operate(...words);
    expect(found).toMatchObject({ status: 42, stdout: expect.stringContaining('recovery_min_apply_delay') });
    expect(found.stdout).toMatch(/the buffer in .* takes up to 13 MB \(8 segments ahead, 4 behind/);
    expect(found.stdout).toContain(`the local directory ${localDirectory} has`);
    expect(found.stdout).toContain('one host alone cannot say where the WAL ends');
    restorer.writeFile(`${directory.path}/postgresql.conf`, '');
    expect(await directory.operate(...words)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('all is well'),
    });
  });
});

describe('the agent behind restore_cmd', () => {
  let stand: ArchiveStand;
  let restorer: Machine;
  let data: DataDirectory;

  beforeAll(async () => {
    stand = await ArchiveStand.create();
    restorer = await stand.stand.machine('restorer');
    await stand.admit(restorer, 'get');
    data = new DataDirectory(stand, 'source');
    for (let number = 10; number < 30; number += 1) {
      expect((await data.archive(data.segment(number).name)).status).toBe(0);
    }
  });

  afterAll(async () => {
    await stand?.close();
  });

  const nameOf = (number: number) => segmentName({ number, timeline: 1 });
  const newDirectory = (name: string) =>
    new RestoringDirectory(stand, restorer, name, 'standby', data.systemIdentifier);

  test('has what PostgreSQL asks again when it restarts a few segments back, with no host there', async () => {
    const directory = newDirectory('back');
    for (const number of [10, 11, 12, 13, 14, 15]) {
      expect(await directory.restore(nameOf(number))).toMatchObject({ status: 0 });
    }
    const window = [12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23].map(nameOf);
    await waitFor(() => directory.held().join() === window.join(), { what: 'the window to fill' });
    for (const { machine } of stand.hosts) await restorer.cut(machine);
    const again = [12, 13, 13, 14, 12, 15, 16, 17];
    const statuses: (number | null)[] = [];
    for (const number of again) statuses.push((await directory.restore(nameOf(number), { flags: [] })).status);
    for (const { machine } of stand.hosts) await restorer.heal(machine);
    expect(statuses).toEqual(again.map(() => 0));
  });

  test('holds no more than --prefetch-size, and works where not one segment fits', async () => {
    const small = newDirectory('small');
    for (const number of [10, 11, 12, 10, 20, 21]) {
      expect(await small.restore(nameOf(number), { flags: ['--prefetch-size=3MB'] })).toMatchObject({ status: 0 });
      await waitFor(() => small.held().length === 3, { what: 'the window to fill' });
    }
    const none = newDirectory('none');
    for (const number of [10, 11, 12]) {
      expect(await none.restore(nameOf(number), { flags: ['--prefetch-size=1000kB'] })).toMatchObject({ status: 0 });
      expect(none.held()).toEqual([]);
    }
  });

  test('pins what is being restored on both hosts', async () => {
    const directory = newDirectory('pinning');
    expect(await directory.restore(nameOf(20))).toMatchObject({ status: 0 });
    const pinOn = async (machine: Machine) => {
      const pins = await machine.check(['sh', '-c', 'cat /archive/main/state/pins/*']);
      // 20 and four segments before it.
      return new RegExp(`${directory.path}",\\s+"timeline": 1,\\s+"from": "0/1000000"`).test(pins);
    };
    for (const { machine } of stand.hosts) await waitFor(() => pinOn(machine), { what: `the pin on ${machine.name}` });
  });
});
