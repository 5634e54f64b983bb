import { isServer } from '../../check/rules/server-rules.ts';
import { mapKnown } from '../../model/known.ts';
import type { RoleReport } from '../../model/server-report.ts';
import { type ClusterMetrics, seconds } from './cluster-metrics.ts';
import type { MetricSet } from './metric-set.ts';

const ofServer = ['cluster', 'server'];

/** The database servers, and which of them is the primary. */
export function serverMetrics(set: MetricSet): ClusterMetrics {
  const up = set.gauge('archive2_server_up', 'Whether the database server answers: 1 or 0.', ofServer);
  const primary = set.gauge(
    'archive2_server_primary',
    'Whether the server is a primary, 1, or a standby, 0.',
    ofServer,
  );
  const misplaced = set.gauge(
    'archive2_primary_misplaced',
    'Whether another server than the expected one is the primary, or more than one: 1 or 0.',
    ['cluster'],
  );
  const timeline = set.gauge('archive2_server_timeline', "The server's timeline.", ofServer);
  const archived = set.gauge(
    'archive2_archiver_last_archived_timestamp_seconds',
    'When archive_command last succeeded, as in pg_stat_archiver.',
    ofServer,
  );
  const failing = set.gauge(
    'archive2_archiver_failing',
    'Whether archive_command has failed since it last succeeded, or archiving is off: 1 or 0. Of a primary.',
    ofServer,
  );
  const failures = set.counter('archive2_archiver_failures_total', 'Failures in pg_stat_archiver.', ofServer);
  const ready = set.gauge('archive2_wal_ready_files', 'Files in pg_wal that wait for archive_command.', ofServer);
  const oldest = set.gauge(
    'archive2_wal_oldest_ready_timestamp_seconds',
    'Since when the oldest of these files waits. Absent when none does.',
    ofServer,
  );
  const size = set.gauge('archive2_pg_wal_bytes', 'Size of pg_wal.', ofServer);
  const full = set.gauge(
    'archive2_pg_wal_full_timestamp_seconds',
    'When the disk with pg_wal is full if it fills as it does now. Absent while it does not fill, and elsewhere than on the server.',
    ofServer,
  );

  return (cluster) => {
    for (const server of cluster.servers) {
      const label = { cluster: cluster.cluster, server: server.name };
      up(label, server.role.known ? 1 : 0);
      primary(
        label,
        mapKnown(server.role, (role) => (role === 'primary' ? 1 : 0)),
      );
      timeline(label, server.timeline);
      archived(
        label,
        mapKnown(server.archiver, ({ lastArchivedAtMs }) => seconds(lastArchivedAtMs)),
      );
      if (server.role.known && server.role.value === 'primary') {
        failing(
          label,
          mapKnown(server.archiver, (archiver) => (isFailing(archiver) ? 1 : 0)),
        );
      }
      failures(
        label,
        mapKnown(server.archiver, ({ failedCount }) => failedCount),
      );
      ready(
        label,
        mapKnown(server.ready, ({ count }) => count),
      );
      oldest(
        label,
        mapKnown(server.ready, ({ oldestAtMs }) => seconds(oldestAtMs)),
      );
      size(
        label,
        mapKnown(server.walDirectory, ({ bytes }) => bytes),
      );
      full(label, mapKnown(server.walFullAtMs, seconds));
    }
    misplaced({ cluster: cluster.cluster }, isMisplaced(cluster.role));
  };
}

interface Archiver {
  readonly mode: string;
  readonly lastArchivedAtMs: number | null;
  readonly lastFailedAtMs: number | null;
}

function isFailing({ mode, lastArchivedAtMs, lastFailedAtMs }: Archiver): boolean {
  return mode === 'off' || (lastFailedAtMs !== null && lastFailedAtMs > (lastArchivedAtMs ?? 0));
}

/** Undefined where no server says that it is the primary: whether that is so is another question. */
function isMisplaced({ expectedPrimary, primaries }: RoleReport): number | undefined {
  if (!primaries.known || primaries.value.length === 0) return undefined;
  if (primaries.value.length > 1) return 1;
  const [primary = ''] = primaries.value;
  return expectedPrimary === null || isServer(primary, expectedPrimary) ? 0 : 1;
}
