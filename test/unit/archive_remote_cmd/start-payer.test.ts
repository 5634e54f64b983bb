import { rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { tryPayerLock } from '../../../packages/archive_remote_cmd/src/pay/payer-lock.ts';
import { PayerStarter } from '../../../packages/archive_remote_cmd/src/pay/start-payer.ts';
import type { DetachedProcess } from '../../../packages/core/src/base/detached-process.ts';
import { silentLog } from '../../../packages/core/src/base/log.ts';
import { clusterDirectory } from '../archive/test-store.ts';
import { ManualClock } from '../session/manual-clock.ts';

function starting() {
  const [clock, directory] = [new ManualClock(), clusterDirectory()];
  const launched: DetachedProcess[] = [];
  const starter = new PayerStarter({
    directory,
    cluster: 'main',
    peer: { name: 'arch2', spec: 'arch2' },
    environment: {},
    flags: ['--probe-interval=1'],
    clock,
    log: silentLog,
    launch: (process) => launched.push(process),
  });
  return { clock, directory, launched, starter };
}

describe('a payer of debts', () => {
  test('is started with the flags of the session, and with a log that can be found', () => {
    const { directory, launched, starter } = starting();
    starter.start();
    expect(launched).toHaveLength(1);
    expect(launched[0]?.args).toEqual(
      expect.arrayContaining(['pay', '--probe-interval=1', `${directory.stateDirectory}/pay.arch2.log`]),
    );
    expect(launched[0]?.environment).toMatchObject({ MIMALLOC_PURGE_DELAY: '10000' });
  });

  test('is not started beside one at work', () => {
    const { directory, launched, starter, clock } = starting();
    const lock = tryPayerLock(directory, 'arch2');
    starter.start();
    clock.advance(5000);
    starter.start();
    expect(launched).toHaveLength(0);
    lock?.release();
    starter.start();
    expect(launched).toHaveLength(1);
  });

  test('that ended a moment after its start, before the next debt, is followed by another one', async () => {
    const { launched, starter, clock } = starting();
    starter.start();
    clock.advance(100);
    // Many debts at once are one more look.
    for (let debt = 0; debt < 50; debt++) starter.start();
    expect(launched).toHaveLength(1);
    expect(clock.sleeperCount).toBe(1);
    const settled = starter.settled();
    clock.advance(900);
    await settled;
    expect(launched).toHaveLength(2);
  });

  test('that has its lock when it is looked for again is left alone', async () => {
    const { directory, launched, starter, clock } = starting();
    starter.start();
    starter.start();
    const settled = starter.settled();
    const lock = tryPayerLock(directory, 'arch2');
    clock.advance(1000);
    await settled;
    expect(launched).toHaveLength(1);
    lock?.release();
  });

  test('that cannot be looked for again, as on a disk that has gone read-only, ends nothing', async () => {
    const { directory, launched, starter, clock } = starting();
    starter.start();
    starter.start();
    rmSync(directory.stateDirectory, { recursive: true });
    // No directory can be made there any more, not even by root.
    writeFileSync(directory.stateDirectory, '');
    const settled = starter.settled();
    clock.advance(1000);
    await settled;
    expect(launched).toHaveLength(1);
  });
});
