import type { TimelineShare } from '@archive2/core/backups/cleanup-plan.ts';
import { type CleanupReport, plannedBytes, plannedFiles } from '@archive2/core/backups/cleanup-report.ts';
import type { Outcome, PeerResult } from './outcome.ts';

/** What is about to go on both hosts, for people. */
export function formatPlans(here: CleanupReport, peer: PeerResult): string {
  const lines = describePlan(here);
  if (peer.kind === 'report') lines.push(...describePlan(peer.report));
  if (peer.kind === 'failed') lines.push(`${peer.name}: removes nothing, ${peer.failure.message}`);
  return `${lines.join('\n')}\n`;
}

/** What went. Nothing is said after a dry run: the plans were all. */
export function formatOutcome({ here, peer }: Outcome): string {
  if (here.dryRun) return '';
  const parts = [`${here.removed} files on ${here.host}`];
  if (peer.kind === 'report') parts.push(`${peer.report.removed} files on ${peer.report.host}`);
  return `removed ${parts.join(', ')}\n`;
}

/** The stable form of docs/wal-cleanup.md. */
export function formatJson({ here, peer }: Outcome, cluster: string, dryRun: boolean): string {
  const json = {
    format: 1,
    command: 'wal-cleanup',
    cluster,
    dryRun,
    here: jsonOf(here),
    peer: peer.kind === 'none' ? null : peer.kind === 'report' ? jsonOf(peer.report) : errorOf(peer),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

function describePlan(report: CleanupReport): string[] {
  const { host, files, oldestNeeded, timelines } = report;
  const needed = `${oldestNeeded.segment} and later are needed by ${oldestNeeded.holder} on ${oldestNeeded.host}`;
  const count = plannedFiles(report);
  if (count === 0) return [`${host}: nothing to remove of ${files} files; ${needed}`];
  return [
    `${host}: ${count} of ${files} files go, ${mebibytes(plannedBytes(report))}; ${needed}`,
    ...timelines.map(describeTimeline),
  ];
}

function describeTimeline({ timeline, files, bytes, first, last }: TimelineShare): string {
  return `  timeline ${timeline}: ${files} files, ${mebibytes(bytes)}, ${first} to ${last}`;
}

function jsonOf(report: CleanupReport) {
  return {
    host: report.host,
    files: report.files,
    oldestNeeded: report.oldestNeeded,
    plan: { files: plannedFiles(report), bytes: plannedBytes(report), timelines: report.timelines },
    removed: report.removed,
    error: null,
  };
}

function errorOf({ name, failure }: Extract<PeerResult, { kind: 'failed' }>) {
  return { host: name, error: { code: failure.code, message: failure.message, hint: failure.hint ?? null } };
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
