/*
 * The statements of the PostgreSQL store. Moments come as milliseconds since the Unix epoch, and go as PostgreSQL's text form.
 */

const ms = (column: string) => `(extract(epoch FROM ${column}) * 1000)::float8 AS ${column}`;

const runningColumns = `task_id, kind, cluster, host, source_server, ${ms('due_at')}, ${ms('started_at')}, ${ms('heartbeat_at')},
  ${ms('lease_until')}, done_bytes, total_bytes`;

const taskColumns = `${runningColumns}, state, ${ms('ended_at')}, error, name, source_bytes, stored_bytes, start_lsn::text,
  stop_lsn::text, timeline, system_identifier, server_version, tool_version, based_on_task_id, details`;

const rowsOf = (query: string) => `(SELECT coalesce(json_agg(r), '[]') FROM (${query}) AS r)`;

export const statements = {
  migrations: `SELECT number, name, is_breaking FROM backup_queue.migrations()`,

  claim: `SELECT ${runningColumns}, token::text, assignment, lease_seconds
    FROM backup_queue.claim($1::uuid, $2, $3::text[], $4, $5, $6)`,

  heartbeat: `SELECT ${ms('lease_until')} FROM backup_queue.heartbeat($1::uuid, $2, $3) AS h (lease_until)`,

  complete: `SELECT backup_queue.complete($1::jsonb, $2::jsonb) AS task_id`,

  recordVerification: `SELECT backup_queue.record_verification($1::jsonb)`,

  /** All in one statement, so that it is the state of one moment. */
  state: `SELECT (extract(epoch FROM backup_queue.moment()) * 1000)::float8 AS now_ms,
    ${rowsOf(`SELECT name, max_running, enabled, ${ms('seen_at')} FROM backup_queue.archive_host ORDER BY name COLLATE "C"`)}
      AS hosts,
    ${rowsOf(`SELECT name, max_running FROM backup_queue.source_server ORDER BY name COLLATE "C"`)} AS servers,
    ${rowsOf(`SELECT * FROM backup_queue.cluster ORDER BY name COLLATE "C"`)} AS clusters,
    ${rowsOf(`SELECT cluster, kind, periodicity_days, keep, window_from, window_to, priority, enabled, failure_limit, options,
        ${ms('added_at')}, ${ms('run_now_at')}, run_now_host
      FROM backup_queue.schedule ORDER BY cluster COLLATE "C", kind COLLATE "C"`)} AS schedules,
    ${rowsOf(`SELECT cluster, kind, host, ${ms('slot_at')}, ${ms('succeeded_at')}, failures, ${ms('not_before')}, last_error
      FROM backup_queue.turn ORDER BY cluster COLLATE "C", kind COLLATE "C", host COLLATE "C"`)} AS turns,
    ${rowsOf(`SELECT ${runningColumns} FROM backup_queue.task WHERE state = 'running' ORDER BY task_id`)} AS running`,

  tasks: `SELECT ${taskColumns} FROM backup_queue.task
    WHERE ($1::text IS NULL OR cluster = $1) AND ($2::text IS NULL OR kind = $2) AND ($3::text IS NULL OR host = $3)
      AND ($4::text[] IS NULL OR state = ANY ($4)) AND ($5::bigint IS NULL OR task_id < $5)
    ORDER BY backup_queue.task.task_id DESC LIMIT $6`,

  verifications: `SELECT id::text, task_id, cluster, host, name, method, ${ms('started_at')}, ${ms('ended_at')}, ok, error, details
    FROM backup_queue.verification WHERE $1::text IS NULL OR cluster = $1
    ORDER BY backup_queue.verification.ended_at DESC, backup_queue.verification.id LIMIT $2`,

  lockCluster: `SELECT * FROM backup_queue.cluster WHERE name = $1 FOR UPDATE`,

  lockSchedules: `SELECT cluster, kind, periodicity_days, keep, window_from, window_to, priority, enabled, failure_limit, options,
      ${ms('added_at')}, ${ms('run_now_at')}, run_now_host
    FROM backup_queue.schedule WHERE cluster = $1 FOR UPDATE`,

  insertCluster: `INSERT INTO backup_queue.cluster
      (name, conninfo, archive_hosts, directory, source_server, time_zone, enabled)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (name) DO NOTHING RETURNING name`,

  updateCluster: `UPDATE backup_queue.cluster SET conninfo = $2, archive_hosts = $3, directory = $4, source_server = $5,
    time_zone = $6, enabled = $7 WHERE name = $1`,

  /** Leaves what is not a setting as it is. */
  putSchedule: `INSERT INTO backup_queue.schedule (cluster, kind, periodicity_days, keep, window_from, window_to, priority, enabled,
      failure_limit, options, added_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, backup_queue.moment())
    ON CONFLICT (cluster, kind) DO UPDATE SET periodicity_days = $3, keep = $4, window_from = $5, window_to = $6, priority = $7,
      enabled = $8, failure_limit = $9, options = $10::jsonb`,

  removeCluster: `SELECT backup_queue.remove_cluster($1, $2)`,

  putHost: `INSERT INTO backup_queue.archive_host AS h (name, max_running, enabled)
    VALUES ($1, coalesce($2, 1), coalesce($3, true))
    ON CONFLICT (name) DO UPDATE SET max_running = coalesce($2, h.max_running), enabled = coalesce($3, h.enabled)`,

  putServer: `INSERT INTO backup_queue.source_server AS s (name, max_running) VALUES ($1, coalesce($2, 1))
    ON CONFLICT (name) DO UPDATE SET max_running = coalesce($2, s.max_running)`,

  runNow: `UPDATE backup_queue.schedule SET run_now_at = coalesce(run_now_at, backup_queue.moment()), run_now_host = $3
    WHERE cluster = $1 AND kind = $2`,

  retry: `UPDATE backup_queue.turn SET failures = 0, not_before = NULL, last_error = NULL
    WHERE cluster = $1 AND kind = $2 AND failures > 0 AND ($3::text IS NULL OR host = $3) RETURNING host`,
} as const;
