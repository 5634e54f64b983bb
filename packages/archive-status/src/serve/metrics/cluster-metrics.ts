import type { ClusterReport } from '../../model/status-report.ts';

/** Adds one cluster's samples. `labels`: see hostLabels. */
export type ClusterMetrics = (cluster: ClusterReport, labels: ReadonlyMap<string, string>, machine: string) => void;

/** A moment as Prometheus has it. */
export function seconds(atMs: number | null | undefined): number | null {
  return atMs === null || atMs === undefined ? null : atMs / 1000;
}

/** A duration as Prometheus has it. */
export function inSeconds(durationMs: number | null | undefined): number | null {
  return durationMs === null || durationMs === undefined ? null : durationMs / 1000;
}
