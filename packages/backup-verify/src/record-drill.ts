import { join } from 'node:path';
import { archiveEvents } from '@archive2/core/archive/events.ts';
import type { Clock } from '@archive2/core/base/clock.ts';
import { toFailure } from '@archive2/core/base/failure.ts';
import type { Log } from '@archive2/core/base/log.ts';
import { EventLog } from '@archive2/core/files/event-log.ts';
import type { DrillReport } from '@archive2/core/restore/drill/drill-report.ts';
import { DrillStore, type RecordedDrill } from '@archive2/core/restore/drill/drill-store.ts';
import type { DrillOrder } from './drill-order.ts';

/** Where a drill is told of: on this machine, and in the archive where this machine has one. */
export class DrillRecords {
  private readonly stores: readonly [DrillStore, ...DrillStore[]];
  private readonly events: EventLog;
  private readonly clock: Clock;
  private readonly log: Log;

  constructor({ archive, stateDirectory }: DrillOrder, { clock, log }: { clock: Clock; log: Log }) {
    const { cluster, directory, archives } = archive;
    const own = new DrillStore(join(stateDirectory, 'drills', cluster));
    const isHere = archives.some(({ kind }) => kind === 'here');
    this.stores = isHere ? [own, new DrillStore(join(directory.stateDirectory, 'drills'))] : [own];
    this.events = isHere
      ? archiveEvents(directory, cluster, { clock, log })
      : new EventLog({ path: join(stateDirectory, 'events.jsonl'), cluster, clock, log });
    this.clock = clock;
    this.log = log;
  }

  /** The drills of this cluster on this machine, newest first. */
  async past(): Promise<RecordedDrill[]> {
    return await this.stores[0].list();
  }

  begin(host: string): void {
    this.events.note({ event: 'drill-began', host });
  }

  /**
   * Writes the report. Returns its path on this machine; undefined where it could not be written, which is only logged: what the drill
   * found is told by its status all the same.
   */
  async end(report: DrillReport): Promise<string | undefined> {
    const { id, host, ok, problem, backup, rtoMs, rpoMs } = report;
    const facts = {
      id,
      host,
      backup: backup?.name,
      from: backup?.host,
      rtoMs: rtoMs === undefined ? undefined : Math.round(rtoMs),
      rpoMs: rpoMs === undefined ? undefined : Math.round(rpoMs),
    };
    const event = ok ? 'drill-passed' : 'drill-failed';
    this.events.note({ event, ...facts, code: problem?.code, problem: problem?.message });
    await this.events.settled();
    const [path] = await Promise.all(this.stores.map((store) => this.add(store, report)));
    return path;
  }

  private async add(store: DrillStore, report: DrillReport): Promise<string | undefined> {
    try {
      return await store.add(report, this.clock.nowMs());
    } catch (error) {
      this.log.warning('report not written', { directory: store.directory, reason: toFailure(error).message });
      return undefined;
    }
  }
}
