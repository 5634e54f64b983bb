import { describe, expect, test } from 'vitest';
import { PayerEvents } from '../../../packages/archive_remote_cmd/src/pay/payer-events.ts';
import { archiveEvents } from '../../../packages/core/src/archive/events.ts';
import { systemClock } from '../../../packages/core/src/base/clock.ts';
import { silentLog } from '../../../packages/core/src/base/log.ts';
import { readNewestEvents } from '../../../packages/core/src/files/event-reader.ts';
import { openStore } from '../archive/test-store.ts';

/** A cluster directory, and a payer of it whose life is `work`; what all of them told is read back. */
async function payers() {
  const store = await openStore();
  const { directory } = store;
  // The first put makes the state directory.
  await store.storeId();
  return {
    pay: async (work: (told: PayerEvents) => void, peer = 'arch2'): Promise<void> => {
      const events = archiveEvents(directory, 'main', { clock: systemClock, log: silentLog });
      work(await PayerEvents.open(directory, peer, events));
      await events.settled();
    },
    told: async (): Promise<string[]> => {
      const found = await readNewestEvents(directory.eventsFile, { newest: 100 });
      return found.map(({ event, facts }) => `${event} ${facts['peer']} ${facts['count'] ?? facts['owed']}`);
    },
  };
}

describe('what payers tell', () => {
  test('is one line for all debts, however many payers it takes', async () => {
    const { pay, told } = await payers();
    await pay((payer) => {
      payer.tell({ event: 'debts-recorded', count: 1 });
      payer.tell({ event: 'peer-away', owed: 1 });
    });
    // The first one was killed.
    await pay((payer) => {
      payer.tell({ event: 'debts-recorded', count: 70 });
      payer.tell({ event: 'peer-away', owed: 70 });
      payer.tell({ event: 'peer-back', owed: 5000 });
      payer.paid(5000, 1000);
    });
    await pay((payer) => payer.tell({ event: 'debts-recorded', count: 3 }));
    expect(await told()).toEqual([
      'debts-recorded arch2 1',
      'peer-away arch2 1',
      'peer-back arch2 5000',
      'debts-paid arch2 5000',
      'debts-recorded arch2 3',
    ]);
  });

  test('ends what began also where others have paid, and says nothing of nothing', async () => {
    const { pay, told } = await payers();
    await pay((payer) => payer.paid(0, 1));
    await pay((payer) => payer.tell({ event: 'debts-recorded', count: 1 }));
    for (let run = 0; run < 3; run += 1) await pay((payer) => payer.paid(0, 1));
    expect(await told()).toEqual(['debts-recorded arch2 1', 'debts-paid arch2 0']);
  });

  test('that needs a person is told once, and once for each peer', async () => {
    const { pay, told } = await payers();
    for (let run = 0; run < 3; run += 1) {
      await pay((payer) => payer.stuck([]));
      await pay((payer) => payer.stuck([]), 'arch3');
    }
    expect(await told()).toEqual(['debts-stuck arch2 0', 'debts-stuck arch3 0']);
  });
});
