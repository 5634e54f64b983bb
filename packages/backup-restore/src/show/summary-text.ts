import { formatBytes } from '@archive2/core/base/byte-size.ts';
import { formatDuration } from '@archive2/core/cli/relative-time.ts';
import type { ExtractedBackup } from '@archive2/core/restore/extract/extraction.ts';
import { formatLsn } from '@archive2/core/wal/lsn.ts';
import { formatMoment } from '../plan/moment-text.ts';
import type { WholePlan } from '../whole-plan.ts';
import type { ServerRun } from '../work/run-server.ts';
import type { ServerConfiguration } from '../work/server-door.ts';

/** How long each part took, in milliseconds. */
interface Phases {
  readonly planMs: number;
  readonly extractMs: number;
  readonly replayMs: number | undefined;
}

export interface Outcome {
  readonly whole: WholePlan;
  /** Undefined when an earlier call had done it. */
  readonly extracted: ExtractedBackup | undefined;
  /** Undefined when no server was to be started. */
  readonly run: ServerRun | undefined;
  readonly configuration: ServerConfiguration;
  /** Where the old directory is, and those that earlier restores have moved. */
  readonly setAside: readonly string[];
  readonly phases: Phases;
}

/** What was restored, and what is to be done now. Pure. */
export function formatSummary(outcome: Outcome): string {
  const { whole, extracted, run, setAside, phases } = outcome;
  const [{ backup }] = whole.plan.copies;
  const lines: (readonly [string, string])[] = [
    [
      'restored',
      `cluster ${whole.plan.cluster} to ${whole.target}, from ${backup.name}${extracted === undefined ? '' : ` of ${extracted.host}`}`,
    ],
    ...(extracted === undefined ? [] : [['files', filesLine(extracted)] as const]),
    ...(run === undefined ? [] : serverLines(run)),
    ['took', tookLine(phases)],
    ...setAside.map((path) => ['old data', `${path}: remove it when it is not needed any more`] as const),
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  const text = lines.map(([name, line]) => `  ${name.padEnd(width)}  ${line}\n`).join('');
  const next = nextSteps(outcome).map((line) => `  ${line}\n`);
  return `Done\n${text}\nWhat next\n${next.join('')}`;
}

function filesLine({ fileCount, contentBytes, manifest, wasThere }: ExtractedBackup): string {
  if (wasThere) return 'an earlier call had restored them all';
  const proof = manifest === undefined ? 'the backup has no manifest to compare with' : 'each as its manifest says';
  return `${fileCount}, ${formatBytes(contentBytes)}, ${proof}`;
}

function serverLines({ end, door, pid, logFile, found }: ServerRun): [string, string][] {
  const { story, replayedLsn, replayedMs } = end;
  const commit = replayedMs === undefined ? 'no commit was replayed' : `the last commit at ${formatMoment(replayedMs)}`;
  const lines: [string, string][] = [
    ['reached', `${replayedLsn === undefined ? '-' : formatLsn(replayedLsn)}, ${commit}`],
  ];
  if (story.stoppedAt !== undefined) lines.push(['stopped', story.stoppedAt]);
  if (story.newTimeline !== undefined) lines.push(['timeline', `${story.newTimeline}, new`]);
  if (end.how !== 'shut down') {
    lines.push([
      'server',
      `runs, pid ${pid ?? '-'}, port ${door.port}, socket in ${door.socketDirectory}; log ${logFile}`,
    ]);
  }
  if (found !== undefined) {
    const bad = found.databases.filter(({ problem }) => problem !== undefined);
    const size = found.databases.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const verdict =
      bad.length === 0
        ? 'all can be read'
        : `CANNOT BE READ: ${bad.map(({ name, problem }) => `${name} (${problem})`).join(', ')}`;
    lines.push(['databases', `${found.databases.length}, ${formatBytes(size)}; ${verdict}`]);
  }
  return lines;
}

function tookLine({ planMs, extractMs, replayMs }: Phases): string {
  const parts = [`plan ${seconds(planMs)}`, `files ${seconds(extractMs)}`];
  if (replayMs !== undefined) parts.push(`recovery ${seconds(replayMs)}`);
  const wholeMs = planMs + extractMs + (replayMs ?? 0);
  return `${parts.join(', ')}; ${seconds(wholeMs)} in all`;
}

function seconds(ms: number): string {
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : formatDuration(ms);
}

function nextSteps({ whole, run, configuration }: Outcome): string[] {
  const psql = run === undefined ? '' : `psql -h ${run.door.socketDirectory} -p ${run.door.port} -d postgres`;
  if (run === undefined) return [`Start the server: ${startCommand(whole, configuration)}`, ...afterStart(whole)];
  switch (run.end.how) {
    case 'paused':
      return [
        `Look whether it is what you want, it can be read: ${psql}`,
        ...(run.locked.length === 0
          ? []
          : [
              `Until it is open nobody can read ${run.locked.join(', ')}: a transaction that was under way holds the lock.`,
            ]),
        'If it is, open it for writing: SELECT pg_wal_replay_resume();',
        'If it is too early, stop it and call this again with a later target and --keep-old.',
        ...archivingStep(whole),
      ];
    case 'following':
      return [`It follows the archive. See how far it is: ${psql} -c "SELECT pg_last_xact_replay_timestamp()"`];
    case 'shut down':
      return [
        `It has shut down at its target. Remove recovery.signal and start it, or start it to go on: ${startCommand(whole, configuration)}`,
      ];
    case 'open':
      return [`It is open: ${psql}`, ...serviceStep(configuration), ...archivingStep(whole)];
  }
}

/** A server that we have started is none of the system's services yet. */
function serviceStep({ debianCluster }: ServerConfiguration): string[] {
  if (debianCluster === undefined) return [];
  return [`So that the system's own service runs it from now on: pg_ctlcluster ${debianCluster} restart`];
}

function afterStart(whole: WholePlan): string[] {
  if (whole.plan.wish.isStandby) return ['It is a standby: it asks the archive for WAL from then on.'];
  const pause = 'It recovers, then waits at its target: look at the data, then SELECT pg_wal_replay_resume();';
  return [whole.action === 'pause' ? pause : 'It recovers, and opens by itself.', ...archivingStep(whole)];
}

function archivingStep({ takeOver, plan }: WholePlan): string[] {
  if (plan.wish.isStandby) return [];
  if (takeOver)
    return ['It archives as the primary did. Take a base backup soon: base-backup, or backup-queue run-now.'];
  return [
    'It does not archive. To make it the primary: remove archive_mode = off from postgresql.auto.conf, restart it, and take a base backup.',
  ];
}

/** How a person starts it who did not say `--start`. Pure. */
function startCommand({ programs, target }: WholePlan, { debianCluster }: ServerConfiguration): string {
  if (debianCluster !== undefined) {
    return `pg_ctlcluster ${debianCluster} start, or systemctl start postgresql@${debianCluster.replace(' ', '-')}`;
  }
  return `${programs}/pg_ctl -D ${target} -l ${target}/archive2-restore.log start`;
}
