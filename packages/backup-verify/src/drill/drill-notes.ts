import type { Clock } from '@archive2/core/base/clock.ts';
import type {
  DrillEvidence,
  DrilledBackup,
  DrilledRecovery,
  DrillPhase,
  DrillProblem,
  DrillReport,
} from '@archive2/core/restore/drill/drill-report.ts';
import type { CheckResult } from '@archive2/core/restore/server/checks/check.ts';

/** What a drill has found so far, whatever happens next; at its end it is the report. */
export class DrillNotes {
  readonly startedMs: number;
  archives: DrillReport['archives'] = [];
  backup: DrilledBackup | undefined;
  target = 'the end of the WAL';
  recovery: DrilledRecovery | undefined;
  rtoMs: number | undefined;
  rpoMs: number | undefined;
  databases: DrillReport['databases'] = [];
  evidence: DrillEvidence | undefined;
  readonly checks: CheckResult[] = [];
  readonly warnings: string[] = [];
  private readonly phases = new Map<DrillPhase, number>();
  private readonly clock: Clock;
  private readonly begunMs: number;

  constructor(clock: Clock) {
    this.clock = clock;
    this.startedMs = clock.nowMs();
    this.begunMs = clock.monotonicMs();
  }

  /** Since the drill began. */
  get elapsedMs(): number {
    return this.clock.monotonicMs() - this.begunMs;
  }

  async timed<T>(phase: DrillPhase, work: () => Promise<T>): Promise<T> {
    const begunMs = this.clock.monotonicMs();
    try {
      return await work();
    } finally {
      this.phases.set(phase, this.clock.monotonicMs() - begunMs);
    }
  }

  report(
    about: { id: string; cluster: string; host: string; program: string },
    problem: DrillProblem | undefined,
  ): DrillReport {
    const { startedMs, archives, backup, target, recovery, rtoMs, rpoMs, databases, checks, warnings, evidence } = this;
    return {
      ...about,
      ok: problem === undefined,
      problem,
      startedMs,
      endedMs: startedMs + this.elapsedMs,
      archives,
      backup,
      target,
      recovery,
      rtoMs,
      rpoMs,
      phases: {
        extract: this.phases.get('extract'),
        replay: this.phases.get('replay'),
        checks: this.phases.get('checks'),
      },
      databases,
      checks,
      warnings,
      evidence,
    };
  }
}
