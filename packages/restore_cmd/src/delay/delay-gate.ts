import type { Clock } from '@archive2/core/base/clock.ts';
import type { Log } from '@archive2/core/base/log.ts';
import type { ArchiveFile } from '@archive2/core/wal/archive-file.ts';
import { type DelayControl, judgeSegment, newControl } from './delay-control.ts';
import type { DelayFile } from './delay-file.ts';

/** What keeps a delayed standby behind: the delay of its call, and what an operator said of it. */
export interface DelayGate {
  /** Whether a file that the archive has is delivered now. Throws when what the operator said cannot be read. */
  admits(file: ArchiveFile, modifiedMs: number): Promise<boolean>;
}

export interface DelayGateOptions {
  /** Undefined where there is no state directory: then there is the delay alone. */
  file: DelayFile | undefined;
  /** Above 0. */
  delayMs: number;
  dataDirectory: string;
  clock: Clock;
  log: Log;
}

/** A history file never waits: which timeline to follow is known without delay. */
export function delayGate({ file, delayMs, dataDirectory, clock, log }: DelayGateOptions): DelayGate {
  let told: number | undefined;
  const tell = (control: DelayControl): void => {
    if (control.mode === 'normal' || control.sinceMs === told) return;
    told = control.sinceMs;
    const upTo = new Date(control.grantedMs).toISOString();
    log.warning(`standby ${control.mode} by "restore_cmd delay": nothing newer is delivered`, { dataDirectory, upTo });
  };
  return {
    async admits(wanted, modifiedMs) {
      if (wanted.kind === 'history') return true;
      const control = (await known()) ?? newControl(dataDirectory, delayMs, clock.nowMs());
      const segment = { name: wanted.name, modifiedMs };
      const verdict = judgeSegment(control, segment, clock.nowMs());
      if (verdict === 'deliver_as_last') return await noteLast(segment);
      if (verdict === 'wait') tell(control);
      return verdict === 'deliver';
    },
  };

  /** What the operator said, with the delay of this call; the first call says that there is a delay at all. */
  async function known(): Promise<DelayControl | undefined> {
    const control = file?.read();
    if (file === undefined || (control !== undefined && isOfCall(control))) return control;
    return await file.change((before) =>
      before === undefined ? newControl(dataDirectory, delayMs, clock.nowMs()) : { ...before, dataDirectory, delayMs },
    );
  }

  function isOfCall(control: DelayControl): boolean {
    return control.delayMs === delayMs && control.dataDirectory === dataDirectory;
  }

  /** Durable before the segment is delivered: after a restart the next one must not be taken for it. */
  async function noteLast(segment: { name: string; modifiedMs: number }): Promise<boolean> {
    let isAdmitted = false;
    await file?.change((before) => {
      const control = before ?? newControl(dataDirectory, delayMs, clock.nowMs());
      const verdict = judgeSegment(control, segment, clock.nowMs());
      isAdmitted = verdict !== 'wait';
      return verdict === 'deliver_as_last' ? { ...control, last: segment } : control;
    });
    return isAdmitted;
  }
}
