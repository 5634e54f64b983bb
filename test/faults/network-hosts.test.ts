import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ArchiveStand, sha256 } from '../support/archive-stand.ts';
import { DataDirectory } from '../support/data-directory.ts';
import { waitFor } from '../support/wait-for.ts';

const flags = ['--connect-timeout=1.5', '--stall-timeout=1.5'];
const connectTimeoutMs = 1500;
/** For a computer with two cores on which other things run; the deadline of a call is 30 s. */
const slackMs = 5000;
const serveFlags = [
  '--probe-interval',
  '0.3',
  '--peer-cooldown',
  '1',
  '--connect-timeout',
  '1',
  '--stall-timeout',
  '1',
];

describe('between two archive hosts and the primary', () => {
  let stand: ArchiveStand;
  let data: DataDirectory;
  let files = 0;
  let directories = 0;

  beforeAll(async () => {
    stand = await ArchiveStand.create({ serveFlags });
    newDirectory();
    const first = newFile();
    expect(await data.archive(first.name, { flags })).toMatchObject({ status: 0 });
  });

  afterEach(async () => {
    await stand.waitForNoDebts();
    await stand.waitForNoParts();
  });

  afterAll(async () => {
    await stand?.close();
  });

  const newDirectory = () => {
    directories += 1;
    data = new DataDirectory(stand, `data${directories}`);
  };

  const newFile = () => {
    files += 1;
    return data.segment(files);
  };

  const digestsOf = ({ content }: { content: Buffer }) => [sha256(content), sha256(content)];

  const onBoth = async (file: { name: string; content: Buffer }, timeoutMs = 20_000) => {
    const expected = digestsOf(file).join(' ');
    const areEqual = () => {
      const found = stand.digests(file.name).join(' ');
      if (found === expected) return true;
      throw new Error(`${file.name}: ${found}, not ${expected}`);
    };
    await waitFor(areEqual, { what: `${file.name} on both hosts`, timeoutMs });
  };

  const isConnected = [{ connected: false }, { connected: true }];

  test.each(isConnected)(
    '14: hosts that are cut from each other: a debt, paid by itself, connected before: $connected',
    async ({ connected }) => {
      newDirectory();
      if (connected) expect((await data.archive(newFile().name, { flags })).status).toBe(0);
      await stand.arch1.machine.cut(stand.arch2.machine);
      const file = newFile();
      const result = await data.archive(file.name, { flags });
      const owed = stand.debts(stand.arch1);
      const found = stand.digests(file.name);
      await stand.arch1.machine.heal(stand.arch2.machine);
      expect(result).toMatchObject({ status: 0, stderr: '' });
      // --peer-wait: nobody waits longer than that for the second copy.
      expect(result.elapsedMs).toBeLessThan(2000 + 1000 + slackMs);
      expect(owed).toEqual([file.name]);
      expect(found).toEqual([sha256(file.content), undefined]);
      await onBoth(file);
    },
  );

  test('14: with --min-copies 2 the agent itself delivers to both', async () => {
    newDirectory();
    await stand.arch1.machine.cut(stand.arch2.machine);
    const shipped = [newFile(), newFile()];
    for (const file of shipped) {
      expect(await data.archive(file.name, { flags: [...flags, '--min-copies=2'] })).toMatchObject({ status: 0 });
      expect(stand.digests(file.name)).toEqual(digestsOf(file));
    }
    await stand.arch1.machine.heal(stand.arch2.machine);
  });

  test('with --min-copies 2 and one host gone the call fails with 28, and the debt stays a debt', async () => {
    newDirectory();
    await stand.arch2.machine.linkDown();
    const file = newFile();
    const result = await data.archive(file.name, { flags: [...flags, '--min-copies=2'] });
    const found = stand.digests(file.name);
    await stand.arch2.machine.linkUp();
    expect(result).toMatchObject({ status: 28, stderr: expect.stringContaining('1 of 2') });
    expect(found).toEqual([sha256(file.content), undefined]);
    await onBoth(file);
    expect(await data.archive(file.name, { flags: [...flags, '--min-copies=2'] })).toMatchObject({ status: 0 });
  });

  test.each(isConnected)(
    '15: the primary is cut from its first host only, connected before: $connected',
    async ({ connected }) => {
      newDirectory();
      if (connected) expect((await data.archive(newFile().name, { flags })).status).toBe(0);
      await stand.primary.cut(stand.arch1.machine);
      const file = newFile();
      const result = await data.archive(file.name, { flags });
      expect(result).toMatchObject({ status: 0, stderr: '' });
      expect(result.elapsedMs).toBeLessThan(connectTimeoutMs + 1000 + slackMs);
      expect(stand.digests(file.name)[1]).toBe(digestsOf(file)[1]);
      // Its second host forwards it, or owes it when that took longer than it waits for a peer that the primary does not reach.
      await onBoth(file);
      await stand.primary.heal(stand.arch1.machine);
    },
  );

  test('15: one way only is as good as a cut', async () => {
    for (const direction of ['incoming', 'outgoing'] as const) {
      newDirectory();
      await stand.primary.cut(stand.arch1.machine, direction);
      const file = newFile();
      const result = await data.archive(file.name, { flags });
      await stand.primary.heal(stand.arch1.machine);
      expect(result).toMatchObject({ status: 0, stderr: '' });
      expect(result.elapsedMs).toBeLessThan(connectTimeoutMs + 1000 + slackMs);
      await onBoth(file);
    }
  });

  test('both hosts gone: a failure within one connect timeout, not two', async () => {
    for (const call of ['archive', 'archiveAlone'] as const) {
      newDirectory();
      await stand.primary.cut(stand.arch1.machine);
      await stand.primary.cut(stand.arch2.machine);
      const file = newFile();
      // Long, so that once and twice can be told apart on a slow computer.
      const result = await data[call](file.name, { flags: ['--connect-timeout=3', '--stall-timeout=3'] });
      const found = stand.digests(file.name);
      await stand.primary.heal(stand.arch1.machine);
      await stand.primary.heal(stand.arch2.machine);
      expect(result).toMatchObject({ status: 20, stderr: expect.stringMatching(/arch1.*arch2/) });
      expect(result.elapsedMs).toBeGreaterThan(2900);
      expect(result.elapsedMs).toBeLessThan(5900);
      expect(found).toEqual([undefined, undefined]);
    }
    // As PostgreSQL does: the same call again.
    const retried = newFile();
    expect(await data.archive(retried.name, { flags })).toMatchObject({ status: 0 });
    await onBoth(retried);
  });

  test('a host that failed --retry-count times is not tried first for --cooldown-time, and then is again', async () => {
    newDirectory();
    // Waiting for the preferred host, so that a call shows by its time whether it was tried first.
    const patient = ['--preferred-wait=10', '--connect-timeout=2', '--retry-count=2', '--cooldown-time=6'];
    await stand.primary.cut(stand.arch1.machine);
    const elapsed: number[] = [];
    for (let call = 1; call <= 4; call += 1) {
      const result = await data.archive(newFile().name, { flags: patient });
      expect(result).toMatchObject({ status: 0, stderr: '' });
      elapsed.push(result.elapsedMs);
    }
    expect(Math.min(...elapsed.slice(0, 2))).toBeGreaterThan(1900);
    expect(Math.max(...elapsed.slice(2))).toBeLessThan(1900);
    expect(data.agentLog().match(/archive host in cooldown host=arch1/g)).toHaveLength(1);
    expect(data.agentLog()).toContain('forMs=6000');
    // What an agent learned, the next one knows.
    await data.killAgents();
    expect((await data.archive(newFile().name, { flags: patient })).elapsedMs).toBeLessThan(1900);

    await stand.primary.heal(stand.arch1.machine);
    const isFirstAgain = async () => {
      expect(await data.archive(newFile().name, { flags: patient })).toMatchObject({ status: 0 });
      return data.agentLog().includes('archive host works again host=arch1');
    };
    await waitFor(isFirstAgain, { what: 'arch1 to be tried first again', timeoutMs: 20_000 });
  });

  test('a host that lost its power is owed what it missed, and gets it by itself', async () => {
    newDirectory();
    await stand.arch2.machine.kill9();
    const missed = [newFile(), newFile(), newFile()];
    for (const { name } of missed) expect(await data.archive(name, { flags })).toMatchObject({ status: 0 });
    expect(stand.debts(stand.arch1)).toEqual(missed.map(({ name }) => name));
    await stand.arch2.machine.boot();
    await stand.arch2.startSshd();
    for (const file of missed) await onBoth(file);
  });

  test('debts are paid when the primary is dead', async () => {
    newDirectory();
    await stand.arch1.machine.kill9();
    const missed = [newFile(), newFile()];
    for (const { name } of missed) expect(await data.archive(name, { flags })).toMatchObject({ status: 0 });
    expect(stand.debts(stand.arch2)).toEqual(missed.map(({ name }) => name));
    await stand.primary.kill9();
    await stand.arch1.machine.boot();
    await stand.arch1.startSshd();
    for (const file of missed) await onBoth(file);
    await stand.waitForNoDebts();
    const payers = () => stand.arch2.machine.processes('archive_remote_cmd pay');
    await waitFor(() => payers().length === 0, { what: 'the payer to end' });
    await stand.primary.boot();
  });
});
