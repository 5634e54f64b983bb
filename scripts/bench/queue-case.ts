import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BackupQueue } from '../../packages/core/src/queue/backup-queue.ts';
import { defaultScheduleSettings } from '../../packages/core/src/queue/cluster-settings.ts';
import { initQueue, openQueue } from '../../packages/core/src/queue/open-queue.ts';
import { plan } from '../../packages/core/src/queue/plan.ts';
import type { QueueLocation } from '../../packages/core/src/queue/queue-location.ts';
import { standings } from '../../packages/core/src/queue/standings.ts';
import type { Claim } from '../../packages/core/src/queue/task.ts';
import { QueueServer, queueLogin } from '../../test/support/queue-server.ts';
import { barRow, type CaseResult, median, type Row } from './summary.ts';

const clusters = 500;
const times = 100;
const longestMs = 50;

/** What a queue of 500 clusters and two archive hosts costs, in both stores. */
export async function measureQueue(): Promise<CaseResult> {
  const server = QueueServer.start(undefined, true);
  const directory = mkdtempSync(join(tmpdir(), 'queue-bench-'));
  try {
    server.createDatabase('queue');
    const postgres = await measureStore('PostgreSQL', { kind: 'postgres', conninfo: server.conninfo('queue') });
    const sqlite = await measureStore('SQLite', { kind: 'sqlite', path: join(directory, 'queue.db') });
    return { rows: [...postgres, ...sqlite] };
  } finally {
    server.remove();
    rmSync(directory, { recursive: true });
  }
}

async function measureStore(name: string, location: QueueLocation): Promise<Row[]> {
  await initQueue(location, queueLogin);
  const queue = await openQueue(location, queueLogin);
  try {
    await fill(queue);
    const claims: Claim[] = [];
    const claimMs = await medianMs(async () => {
      const claimed = await queue.claim({ token: randomUUID(), host: 'arch1' });
      if (claimed === undefined) throw new Error('there is nothing to claim');
      claims.push(claimed);
    });
    const completeMs = await medianMs(async () => {
      const claimed = claims.pop();
      if (claimed !== undefined) await queue.complete(claimed, { state: 'succeeded', result: {} });
    });
    await queue.changeHost('arch1', { enabled: false });
    const nothingMs = await medianMs(async () => await queue.claim({ token: randomUUID(), host: 'arch1' }));
    await queue.changeHost('arch1', { enabled: true });
    const planMs = await medianMs(async () => standings(await queue.state()));
    const state = await queue.state();
    const aheadMs = await medianMs(async () => await Promise.resolve(plan(state, 14)), 9);
    return [
      barRow(`queue of ${clusters} clusters in ${name}: a claim, in ms`, { ratio: claimMs, atMost: longestMs }),
      barRow('  a question to which there is nothing, in ms', { ratio: nothingMs, atMost: longestMs }),
      ['  a completion', `${completeMs.toFixed(1)} ms`],
      barRow('  the state, and who is next and why not, in ms', { ratio: planMs, atMost: longestMs }),
      ['  all tasks of the next 14 days', `${aheadMs.toFixed(0)} ms`],
    ];
  } finally {
    await queue.close();
  }
}

async function fill(queue: BackupQueue): Promise<void> {
  for (let number = 0; number < clusters; number += 1) {
    const name = `c${number}`;
    const places = { directory: `/storage/${name}`, sourceServer: name, archiveHosts: ['arch1', 'arch2'] };
    const rest = { conninfo: `host=${name} user=backup`, timeZone: 'Europe/Berlin', enabled: true };
    await queue.addCluster({ name, ...places, ...rest }, [{ ...defaultScheduleSettings, kind: 'base' }]);
  }
  await queue.changeHost('arch1', { maxRunning: times });
}

async function medianMs(work: () => Promise<unknown>, count = times): Promise<number> {
  const elapsed: number[] = [];
  for (let round = 0; round < count; round += 1) {
    const begunMs = performance.now();
    await work();
    elapsed.push(performance.now() - begunMs);
  }
  return median(elapsed);
}
