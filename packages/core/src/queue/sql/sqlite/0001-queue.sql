-- Times are milliseconds since the Unix epoch, truth values 0 and 1, lists and options JSON.

CREATE TABLE archive_host (
  name TEXT PRIMARY KEY,
  max_running INTEGER NOT NULL DEFAULT 1 CHECK (max_running >= 1),
  enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
  seen_at INTEGER
) STRICT;

CREATE TABLE source_server (
  name TEXT PRIMARY KEY,
  max_running INTEGER NOT NULL CHECK (max_running >= 1)
) STRICT;

CREATE TABLE cluster (
  name TEXT PRIMARY KEY,
  conninfo TEXT NOT NULL,
  archive_hosts TEXT NOT NULL,
  directory TEXT NOT NULL,
  source_server TEXT NOT NULL,
  time_zone TEXT NOT NULL,
  enabled INTEGER NOT NULL CHECK (enabled IN (0, 1))
) STRICT;

CREATE TABLE schedule (
  cluster TEXT NOT NULL REFERENCES cluster ON DELETE CASCADE,
  kind TEXT NOT NULL,
  periodicity_days REAL NOT NULL,
  keep INTEGER NOT NULL,
  window_from INTEGER,
  window_to INTEGER,
  priority INTEGER NOT NULL,
  enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  failure_limit INTEGER NOT NULL,
  options TEXT NOT NULL,
  added_at INTEGER NOT NULL,
  run_now_at INTEGER,
  run_now_host TEXT,
  PRIMARY KEY (cluster, kind),
  CHECK ((window_from IS NULL) = (window_to IS NULL))
) STRICT;

-- How an archive host stands with a schedule.
CREATE TABLE turn (
  cluster TEXT NOT NULL,
  kind TEXT NOT NULL,
  host TEXT NOT NULL,
  slot_at INTEGER,
  succeeded_at INTEGER,
  failures INTEGER NOT NULL DEFAULT 0,
  not_before INTEGER,
  last_error TEXT,
  PRIMARY KEY (cluster, kind, host),
  FOREIGN KEY (cluster, kind) REFERENCES schedule ON DELETE CASCADE
) STRICT;

-- One row for each claim, and what became of it. It outlives its cluster.
CREATE TABLE task (
  task_id INTEGER PRIMARY KEY AUTOINCREMENT,
  token TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  cluster TEXT NOT NULL,
  host TEXT NOT NULL,
  source_server TEXT NOT NULL,
  assignment TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('running', 'succeeded', 'failed', 'lost')),
  due_at INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  heartbeat_at INTEGER NOT NULL,
  lease_seconds INTEGER NOT NULL,
  lease_until INTEGER NOT NULL,
  ended_at INTEGER,
  done_bytes INTEGER,
  total_bytes INTEGER,
  error TEXT,
  name TEXT,
  source_bytes INTEGER,
  stored_bytes INTEGER,
  start_lsn TEXT,
  stop_lsn TEXT,
  timeline INTEGER,
  system_identifier TEXT,
  server_version INTEGER,
  tool_version TEXT,
  based_on_task_id INTEGER,
  details TEXT,
  CHECK ((state = 'running') = (ended_at IS NULL))
) STRICT;

-- Whatever happens, a cluster has one task of a kind at a time.
CREATE UNIQUE INDEX task_running ON task (cluster, kind) WHERE state = 'running';
CREATE INDEX task_of_cluster ON task (cluster, kind, task_id);

CREATE TABLE verification (
  id TEXT PRIMARY KEY,
  task_id INTEGER,
  cluster TEXT NOT NULL,
  host TEXT NOT NULL,
  name TEXT NOT NULL,
  method TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER NOT NULL,
  ok INTEGER NOT NULL CHECK (ok IN (0, 1)),
  error TEXT,
  details TEXT NOT NULL
) STRICT;

CREATE INDEX verification_of_cluster ON verification (cluster, ended_at);
