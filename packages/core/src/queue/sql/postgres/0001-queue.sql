-- The queue of backups: tables, the rules of who is next, and what each role may call. PostgreSQL 12 and later.
--
-- Runs as backup_queue_owner, which nobody can log in as. The functions that workers call are SECURITY DEFINER, as workers have no
-- rights on tables. Every function has a fixed search_path but a few of pure arithmetic, which would then not be inlined: they are
-- called from the others only. Moments have milliseconds, as in the programs.

CREATE TABLE backup_queue.archive_host (
  name text PRIMARY KEY CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$'),
  max_running integer NOT NULL DEFAULT 1 CHECK (max_running BETWEEN 1 AND 1000),
  enabled boolean NOT NULL DEFAULT true,
  seen_at timestamptz(3)
);
COMMENT ON TABLE backup_queue.archive_host IS 'machines that take backups; each is added when it first asks';
COMMENT ON COLUMN backup_queue.archive_host.seen_at IS 'when it last asked for a task, to the minute';

CREATE TABLE backup_queue.source_server (
  name text PRIMARY KEY CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$'),
  max_running integer NOT NULL DEFAULT 1 CHECK (max_running BETWEEN 1 AND 1000)
);
COMMENT ON TABLE backup_queue.source_server IS 'how many tasks may run against a machine at once, where it is not one';

CREATE TABLE backup_queue.cluster (
  name text PRIMARY KEY CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$'),
  conninfo text NOT NULL,
  archive_hosts text[] NOT NULL CHECK (cardinality(archive_hosts) > 0 AND array_position(archive_hosts, NULL) IS NULL),
  directory text NOT NULL CHECK (directory ~ '^/[^\n\r]*$'),
  source_server text NOT NULL CHECK (source_server ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$'),
  time_zone text NOT NULL DEFAULT 'UTC' CHECK (timezone(time_zone, timestamptz 'epoch') IS NOT NULL),
  enabled boolean NOT NULL DEFAULT true,
  CONSTRAINT conninfo_is_words CHECK (conninfo !~* '^\s*postgres(ql)?://'),
  CONSTRAINT conninfo_has_no_password CHECK (
    conninfo !~* '(^|\s)(password|sslpassword|oauth_client_secret|scram_client_key|scram_server_key)\s*='
  )
);
COMMENT ON COLUMN backup_queue.cluster.conninfo IS 'keyword=value words of libpq; passwords belong into .pgpass';
COMMENT ON COLUMN backup_queue.cluster.source_server IS 'clusters with the same one share its limit';

CREATE TABLE backup_queue.schedule (
  cluster text NOT NULL REFERENCES backup_queue.cluster ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind IN ('base', 'incremental', 'dump', 'files', 'verify')),
  periodicity_days double precision NOT NULL DEFAULT 4 CHECK (periodicity_days BETWEEN 0.01 AND 3660),
  keep integer NOT NULL DEFAULT 3 CHECK (keep BETWEEN 1 AND 10000),
  window_from integer CHECK (window_from BETWEEN 0 AND 1439),
  window_to integer CHECK (window_to BETWEEN 0 AND 1439),
  priority integer NOT NULL DEFAULT 0 CHECK (priority BETWEEN -1000 AND 1000),
  enabled boolean NOT NULL DEFAULT true,
  failure_limit integer NOT NULL DEFAULT 6 CHECK (failure_limit BETWEEN 1 AND 1000),
  options jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(options) = 'object'),
  added_at timestamptz(3) NOT NULL,
  run_now_at timestamptz(3),
  run_now_host text,
  PRIMARY KEY (cluster, kind),
  CHECK ((window_from IS NULL) = (window_to IS NULL) AND window_from <> window_to)
);
COMMENT ON COLUMN backup_queue.schedule.periodicity_days IS 'each archive host does one in so many days';
COMMENT ON COLUMN backup_queue.schedule.window_from IS 'minutes after midnight in the cluster''s time zone';
COMMENT ON COLUMN backup_queue.schedule.priority IS 'each point moves a task that is due an hour forward in the line';
COMMENT ON COLUMN backup_queue.schedule.run_now_at IS 'when a person asked for a task at once';

CREATE TABLE backup_queue.turn (
  cluster text NOT NULL,
  kind text NOT NULL,
  host text NOT NULL,
  slot_at timestamptz(3),
  succeeded_at timestamptz(3),
  failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
  not_before timestamptz(3),
  last_error text,
  PRIMARY KEY (cluster, kind, host),
  FOREIGN KEY (cluster, kind) REFERENCES backup_queue.schedule ON DELETE CASCADE
);
COMMENT ON TABLE backup_queue.turn IS 'how an archive host stands with a schedule';
COMMENT ON COLUMN backup_queue.turn.slot_at IS 'the place in the schedule of its last success: the next turns count from it';
COMMENT ON COLUMN backup_queue.turn.failures IS 'in a row; from failure_limit on it needs attention';

CREATE TABLE backup_queue.task (
  task_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  token uuid NOT NULL UNIQUE,
  kind text NOT NULL,
  cluster text NOT NULL,
  host text NOT NULL,
  source_server text NOT NULL,
  assignment jsonb NOT NULL,
  state text NOT NULL CHECK (state IN ('running', 'succeeded', 'failed', 'lost')),
  due_at timestamptz(3) NOT NULL,
  started_at timestamptz(3) NOT NULL,
  heartbeat_at timestamptz(3) NOT NULL,
  lease_seconds integer NOT NULL CHECK (lease_seconds BETWEEN 1 AND 604800),
  lease_until timestamptz(3) NOT NULL,
  ended_at timestamptz(3),
  done_bytes bigint,
  total_bytes bigint,
  error text,
  name text,
  source_bytes bigint,
  stored_bytes bigint,
  start_lsn pg_lsn,
  stop_lsn pg_lsn,
  timeline bigint CHECK (timeline BETWEEN 1 AND 4294967295),
  system_identifier text,
  server_version integer,
  tool_version text,
  based_on_task_id bigint,
  details jsonb,
  CHECK ((state = 'running') = (ended_at IS NULL))
);
COMMENT ON TABLE backup_queue.task IS 'one row for each claim, and what became of it; it outlives its cluster';
COMMENT ON COLUMN backup_queue.task.token IS 'made by the worker; who has it may complete the task';
-- Whatever happens, a cluster has one task of a kind at a time.
CREATE UNIQUE INDEX task_running ON backup_queue.task (cluster, kind) WHERE state = 'running';
CREATE INDEX task_of_cluster ON backup_queue.task (cluster, kind, task_id);

CREATE TABLE backup_queue.verification (
  id uuid PRIMARY KEY,
  task_id bigint,
  cluster text NOT NULL,
  host text NOT NULL,
  name text NOT NULL,
  method text NOT NULL,
  started_at timestamptz(3) NOT NULL,
  ended_at timestamptz(3) NOT NULL,
  ok boolean NOT NULL,
  error text,
  details jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE backup_queue.verification IS 'what restore drills and other checks of finished backups found';
CREATE INDEX verification_of_cluster ON backup_queue.verification (cluster, ended_at);

-- Claims come one after the other: limits count over rows that are not locked. Only claim() takes it, for milliseconds.
CREATE TABLE backup_queue.claim_lock (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row));
INSERT INTO backup_queue.claim_lock DEFAULT VALUES;

-- The queue's clock. A superuser may set backup_queue.now, to see what the queue would do at another time.
CREATE FUNCTION backup_queue.moment() RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = backup_queue, pg_temp AS $$
DECLARE
  assumed text := nullif(current_setting('backup_queue.now', true), '');
BEGIN
  IF assumed IS NOT NULL AND (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) THEN
    RETURN date_trunc('milliseconds', assumed::timestamptz);
  END IF;
  RETURN date_trunc('milliseconds', clock_timestamp());
END $$;

CREATE FUNCTION backup_queue.period(periodicity_days double precision, parts integer) RETURNS interval
LANGUAGE sql IMMUTABLE AS $$
  SELECT make_interval(secs => floor(floor(periodicity_days * 86400000 + 0.5) / parts + 0.5) / 1000)
$$;

CREATE FUNCTION backup_queue.pause_after(failures integer) RETURNS interval
LANGUAGE sql IMMUTABLE AS $$
  SELECT least(interval '12 hours', interval '10 minutes' * power(2, least(failures - 1, 20)))
$$;

CREATE FUNCTION backup_queue.is_open(window_from integer, window_to integer, time_zone text, at timestamptz)
RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT CASE
    WHEN window_from IS NULL THEN true
    WHEN window_from < window_to THEN minute >= window_from AND minute < window_to
    ELSE minute >= window_from OR minute < window_to
  END
  FROM (SELECT (extract(hour FROM at AT TIME ZONE time_zone) * 60
    + extract(minute FROM at AT TIME ZONE time_zone))::integer AS minute) AS local
$$;

-- Every schedule as one archive host sees it: the rules of turn-policy.ts and claim-policy.ts, which say why.
CREATE FUNCTION backup_queue.candidates(archiver text, at timestamptz, forced boolean)
RETURNS TABLE (cluster text, kind text, due_at timestamptz, rank timestamptz, is_run_now boolean, obstacle text)
LANGUAGE plpgsql STABLE SET search_path = backup_queue, pg_temp AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH asker AS (
    SELECT coalesce(max(max_running), 1) AS max_running, coalesce(bool_and(enabled), true) AS enabled,
      (SELECT count(*) FROM task WHERE state = 'running' AND host = archiver) AS running
    FROM archive_host WHERE name = archiver
  ),
  -- Hosts that ask, but for their need of attention.
  present AS (
    SELECT name FROM archive_host WHERE enabled AND seen_at >= at - interval '6 hours'
  ),
  server AS (
    SELECT source_server AS name, count(*) AS running FROM task WHERE state = 'running' GROUP BY source_server
  ),
  line AS (
    SELECT s.*, c.archive_hosts, c.enabled AS cluster_enabled, c.time_zone, c.source_server,
      own.failures, own.not_before, hosts.spacing,
      greatest(
        s.added_at,
        own.slot_at + hosts.spacing * greatest(1, hosts.in_turn),
        hosts.last_slot_at + hosts.spacing
      ) AS turn_at,
      s.run_now_at IS NOT NULL AND coalesce(s.run_now_host = archiver, true) AS asked_for
    FROM schedule s
    JOIN cluster c ON c.name = s.cluster
    LEFT JOIN turn own ON own.cluster = s.cluster AND own.kind = s.kind AND own.host = archiver
    CROSS JOIN LATERAL (
      SELECT
        backup_queue.period(s.periodicity_days, cardinality(c.archive_hosts)) AS spacing,
        count(*) FILTER (
          WHERE h.name = archiver OR (p.name IS NOT NULL AND coalesce(t.failures, 0) < s.failure_limit)
        ) AS in_turn,
        max(t.slot_at) AS last_slot_at
      FROM unnest(c.archive_hosts) AS h (name)
      LEFT JOIN present p ON p.name = h.name
      LEFT JOIN turn t ON t.cluster = s.cluster AND t.kind = s.kind AND t.host = h.name
    ) AS hosts
  )
  SELECT line.cluster, line.kind,
    CASE WHEN (asked_for OR forced) AND turn_at > at THEN at ELSE turn_at END,
    turn_at - line.priority * interval '1 hour',
    asked_for,
    CASE
      WHEN NOT archiver = ANY (archive_hosts) THEN 'not_its_host'
      WHEN NOT forced AND NOT cluster_enabled THEN 'cluster_paused'
      WHEN NOT forced AND NOT line.enabled THEN 'schedule_paused'
      WHEN NOT forced AND NOT asker.enabled THEN 'host_paused'
      WHEN EXISTS (
        SELECT FROM task r WHERE r.cluster = line.cluster AND r.kind = line.kind AND r.state = 'running'
      ) THEN 'running'
      WHEN NOT forced AND NOT asked_for AND coalesce(failures, 0) >= failure_limit THEN 'needs_attention'
      WHEN NOT forced AND NOT asked_for AND at < not_before THEN 'backed_off'
      WHEN NOT forced AND NOT asked_for AND at < turn_at - CASE
        WHEN window_from IS NULL THEN interval '0'
        ELSE least(interval '2 hours', make_interval(secs => floor(extract(epoch FROM spacing) * 1000 / 4) / 1000))
      END THEN 'not_due'
      WHEN NOT forced AND NOT asked_for AND NOT is_open(window_from, window_to, time_zone, at) THEN 'window_closed'
      WHEN asker.running >= asker.max_running THEN 'host_busy'
      WHEN coalesce(server.running, 0) >= coalesce(limits.max_running, 1) THEN 'server_busy'
    END
  FROM line
  CROSS JOIN asker
  LEFT JOIN server ON server.name = line.source_server
  LEFT JOIN source_server limits ON limits.name = line.source_server;
END $$;

CREATE FUNCTION backup_queue.note_failure(
  cluster_name text, task_kind text, archiver text, message text, last_sign timestamptz
) RETURNS void
LANGUAGE sql SET search_path = backup_queue, pg_temp AS $$
  INSERT INTO turn AS t (cluster, kind, host, failures, not_before, last_error)
  SELECT s.cluster, s.kind, archiver, 1, last_sign + pause_after(1), message
  FROM schedule s WHERE s.cluster = cluster_name AND s.kind = task_kind
  ON CONFLICT (cluster, kind, host) DO UPDATE SET
    failures = t.failures + 1, not_before = last_sign + pause_after(t.failures + 1), last_error = message
$$;

CREATE FUNCTION backup_queue.note_success(
  cluster_name text, task_kind text, archiver text, due timestamptz, started timestamptz
) RETURNS void
LANGUAGE sql SET search_path = backup_queue, pg_temp AS $$
  INSERT INTO turn AS t (cluster, kind, host, slot_at, succeeded_at)
  SELECT s.cluster, s.kind, archiver,
    CASE
      WHEN EXISTS (SELECT FROM turn o WHERE o.cluster = s.cluster AND o.kind = s.kind AND o.slot_at IS NOT NULL)
        AND started >= due
        AND started - due < make_interval(secs => floor(floor(s.periodicity_days * 86400000 + 0.5) * 3 / 4) / 1000)
      THEN due
      ELSE started
    END,
    started
  FROM schedule s WHERE s.cluster = cluster_name AND s.kind = task_kind
  ON CONFLICT (cluster, kind, host) DO UPDATE SET
    slot_at = greatest(t.slot_at, excluded.slot_at), succeeded_at = greatest(t.succeeded_at, excluded.succeeded_at),
    failures = 0, not_before = NULL, last_error = NULL
$$;

-- Sets down the tasks whose worker was not heard of for its lease. One that is being completed at this moment is left alone.
CREATE FUNCTION backup_queue.set_down_lost(at timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = backup_queue, pg_temp AS $$
DECLARE
  gone task;
  message constant text := 'the worker was not heard of until its lease ended';
BEGIN
  FOR gone IN
    SELECT * FROM task WHERE state = 'running' AND lease_until <= at ORDER BY task_id FOR UPDATE SKIP LOCKED
  LOOP
    UPDATE task SET state = 'lost', ended_at = at, error = message WHERE task_id = gone.task_id;
    PERFORM note_failure(gone.cluster, gone.kind, gone.host, message, gone.heartbeat_at);
  END LOOP;
END $$;

-- Errors that programs tell apart have a code of class BQ; their words are the program's.
CREATE FUNCTION backup_queue.claim(
  token uuid, archiver text, kinds text[] DEFAULT '{base}', only_cluster text DEFAULT NULL, force boolean DEFAULT false,
  lease_seconds integer DEFAULT 900
) RETURNS SETOF backup_queue.task
LANGUAGE plpgsql SECURITY DEFINER SET search_path = backup_queue, pg_temp AS $$
#variable_conflict use_column
DECLARE
  asked_token ALIAS FOR $1;
  asked_lease ALIAS FOR $6;
  at timestamptz;
  earlier task;
  found_task record;
  reason text;
BEGIN
  IF asked_token IS NULL OR archiver IS NULL OR archiver !~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$'
    OR asked_lease IS NULL OR asked_lease NOT BETWEEN 1 AND 604800 OR kinds IS NULL OR cardinality(kinds) = 0
    OR (force AND (only_cluster IS NULL OR cardinality(kinds) <> 1))
  THEN
    RAISE EXCEPTION 'this cannot be claimed' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM FROM claim_lock FOR UPDATE;
  at := moment();
  SELECT * INTO earlier FROM task WHERE token = asked_token;
  IF FOUND THEN
    IF earlier.state <> 'running' THEN
      RAISE EXCEPTION 'the task of this token has ended' USING ERRCODE = 'BQ004';
    END IF;
    RETURN NEXT earlier;
    RETURN;
  END IF;
  INSERT INTO archive_host AS h (name, seen_at) VALUES (archiver, at)
  ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at
  WHERE h.seen_at IS NULL OR excluded.seen_at - h.seen_at >= interval '1 minute';
  PERFORM set_down_lost(at);
  IF only_cluster IS NOT NULL THEN
    IF NOT EXISTS (SELECT FROM cluster WHERE name = only_cluster) THEN
      RAISE EXCEPTION 'the queue has no cluster %', only_cluster USING ERRCODE = 'BQ005';
    END IF;
    IF NOT EXISTS (SELECT FROM cluster WHERE name = only_cluster AND archiver = ANY (archive_hosts)) THEN
      RAISE EXCEPTION '% is not an archive host of %', archiver, only_cluster USING ERRCODE = 'BQ006';
    END IF;
  END IF;
  -- A schedule that somebody is changing is left out. The wait for its lock could be long, and others may be due.
  SELECT o.cluster, o.kind, o.due_at, o.is_run_now, s.keep, s.options, c.conninfo, c.directory, c.source_server,
    c.archive_hosts
  INTO found_task
  FROM candidates(archiver, at, force) o
  JOIN schedule s ON s.cluster = o.cluster AND s.kind = o.kind
  JOIN cluster c ON c.name = o.cluster
  WHERE o.obstacle IS NULL AND o.kind = ANY (kinds) AND (only_cluster IS NULL OR o.cluster = only_cluster)
  ORDER BY o.is_run_now DESC, o.rank, o.cluster COLLATE "C", o.kind COLLATE "C"
  LIMIT 1
  FOR NO KEY UPDATE OF s SKIP LOCKED;
  IF NOT FOUND THEN
    IF force THEN
      SELECT o.obstacle INTO reason FROM candidates(archiver, at, true) o
      WHERE o.cluster = only_cluster AND o.kind = kinds[1];
      IF NOT FOUND THEN
        RAISE EXCEPTION 'the cluster % has no schedule of kind %', only_cluster, kinds[1] USING ERRCODE = 'BQ007';
      END IF;
      RAISE EXCEPTION 'no task of % can start now', only_cluster
        USING ERRCODE = 'BQ008', DETAIL = coalesce(reason, 'running');
    END IF;
    RETURN;
  END IF;
  IF found_task.is_run_now OR force THEN
    UPDATE schedule SET run_now_at = NULL, run_now_host = NULL
    WHERE cluster = found_task.cluster AND kind = found_task.kind;
  END IF;
  RETURN QUERY INSERT INTO task (
    token, kind, cluster, host, source_server, assignment, state, due_at, started_at, heartbeat_at, lease_seconds,
    lease_until
  ) VALUES (
    asked_token, found_task.kind, found_task.cluster, archiver, found_task.source_server,
    jsonb_build_object(
      'conninfo', found_task.conninfo, 'directory', found_task.directory, 'keep', found_task.keep,
      'peers', array_remove(found_task.archive_hosts, archiver), 'options', found_task.options
    ),
    'running', found_task.due_at, at, at, asked_lease, at + make_interval(secs => asked_lease)
  ) RETURNING *;
END $$;

-- A task as running: one that was set down as lost, and that nobody took over, runs again.
CREATE FUNCTION backup_queue.revive(held backup_queue.task) RETURNS void
LANGUAGE plpgsql SET search_path = backup_queue, pg_temp AS $$
BEGIN
  IF held.state = 'running' THEN
    RETURN;
  END IF;
  IF held.state <> 'lost' OR NOT EXISTS (
    SELECT FROM schedule s WHERE s.cluster = held.cluster AND s.kind = held.kind
  ) THEN
    RAISE EXCEPTION 'the task has ended' USING ERRCODE = 'BQ002';
  END IF;
  -- A claim under way may be giving it to somebody.
  PERFORM FROM claim_lock FOR UPDATE;
  IF EXISTS (
    SELECT FROM task t WHERE t.cluster = held.cluster AND t.kind = held.kind AND t.task_id > held.task_id
  ) THEN
    RAISE EXCEPTION 'the task was given to another worker' USING ERRCODE = 'BQ001';
  END IF;
  UPDATE task SET state = 'running', ended_at = NULL, error = NULL WHERE task_id = held.task_id;
  UPDATE turn SET failures = greatest(0, failures - 1), not_before = NULL,
    last_error = CASE WHEN failures > 1 THEN last_error END
  WHERE cluster = held.cluster AND kind = held.kind AND host = held.host;
END $$;

CREATE FUNCTION backup_queue.heartbeat(token uuid, done_bytes bigint DEFAULT NULL, total_bytes bigint DEFAULT NULL)
RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = backup_queue, pg_temp AS $$
#variable_conflict use_column
DECLARE
  asked_token ALIAS FOR $1;
  new_done ALIAS FOR $2;
  new_total ALIAS FOR $3;
  held task;
  held_until timestamptz;
BEGIN
  SELECT * INTO held FROM task WHERE token = asked_token FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the queue does not know this claim' USING ERRCODE = 'BQ003';
  END IF;
  PERFORM revive(held);
  UPDATE task SET heartbeat_at = moment(), lease_until = moment() + make_interval(secs => lease_seconds),
    done_bytes = coalesce(new_done, done_bytes),
    total_bytes = CASE WHEN new_done IS NULL THEN total_bytes ELSE new_total END
  WHERE task_id = held.task_id
  RETURNING lease_until INTO held_until;
  RETURN held_until;
END $$;

-- Takes in a claim that the queue has lost in a failover, as running, if nobody was given its task since.
CREATE FUNCTION backup_queue.adopt(claim jsonb) RETURNS backup_queue.task
LANGUAGE plpgsql SET search_path = backup_queue, pg_temp AS $$
DECLARE
  at timestamptz;
  adopted task;
BEGIN
  PERFORM FROM claim_lock FOR UPDATE;
  at := moment();
  IF NOT EXISTS (SELECT FROM schedule s WHERE s.cluster = claim ->> 'cluster' AND s.kind = claim ->> 'kind') THEN
    RAISE EXCEPTION 'the queue has no cluster %', claim ->> 'cluster' USING ERRCODE = 'BQ005';
  END IF;
  IF EXISTS (
    SELECT FROM task t WHERE t.cluster = claim ->> 'cluster' AND t.kind = claim ->> 'kind'
      AND (t.state = 'running' OR t.started_at > (claim ->> 'started_at')::timestamptz)
  ) THEN
    RAISE EXCEPTION 'the task was given to another worker' USING ERRCODE = 'BQ001';
  END IF;
  INSERT INTO task (
    token, kind, cluster, host, source_server, assignment, state, due_at, started_at, heartbeat_at, lease_seconds,
    lease_until
  )
  SELECT (claim ->> 'token')::uuid, claim ->> 'kind', c.name, claim ->> 'host', c.source_server, claim -> 'assignment',
    'running', (claim ->> 'due_at')::timestamptz, (claim ->> 'started_at')::timestamptz, at,
    (claim ->> 'lease_seconds')::integer, at
  FROM cluster c WHERE c.name = claim ->> 'cluster'
  RETURNING * INTO adopted;
  RETURN adopted;
END $$;

-- `claim` is what claim() returned, for the case that it was lost; `outcome` has the columns of task that say how it ended.
CREATE FUNCTION backup_queue.complete(claim jsonb, outcome jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = backup_queue, pg_temp AS $$
DECLARE
  held task;
  news task := jsonb_populate_record(NULL::task, outcome);
  at timestamptz;
BEGIN
  IF news.state IS NULL OR news.state NOT IN ('succeeded', 'failed') OR claim ->> 'token' IS NULL THEN
    RAISE EXCEPTION 'this cannot be completed' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  SELECT * INTO held FROM task t WHERE t.token = (claim ->> 'token')::uuid FOR UPDATE;
  IF NOT FOUND THEN
    held := adopt(claim);
  END IF;
  IF held.state = news.state THEN
    RETURN held.task_id;
  END IF;
  PERFORM revive(held);
  at := moment();
  UPDATE task SET state = news.state, ended_at = at, heartbeat_at = at, error = news.error, name = news.name,
    source_bytes = news.source_bytes, stored_bytes = news.stored_bytes, start_lsn = news.start_lsn,
    stop_lsn = news.stop_lsn, timeline = news.timeline, system_identifier = news.system_identifier,
    server_version = news.server_version, tool_version = news.tool_version,
    based_on_task_id = news.based_on_task_id, details = news.details
  WHERE task_id = held.task_id;
  IF news.state = 'succeeded' THEN
    PERFORM note_success(held.cluster, held.kind, held.host, held.due_at, held.started_at);
  ELSE
    PERFORM note_failure(held.cluster, held.kind, held.host, news.error, at);
  END IF;
  RETURN held.task_id;
END $$;

CREATE FUNCTION backup_queue.record_verification(verification jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = backup_queue, pg_temp AS $$
  INSERT INTO verification SELECT * FROM jsonb_populate_record(NULL::verification, verification)
  ON CONFLICT (id) DO NOTHING
$$;

-- Removing a cluster ends its tasks, on which operators have no rights.
CREATE FUNCTION backup_queue.remove_cluster(cluster_name text, even_if_running boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = backup_queue, pg_temp AS $$
BEGIN
  PERFORM FROM claim_lock FOR UPDATE;
  PERFORM FROM task WHERE cluster = cluster_name AND state = 'running' FOR UPDATE;
  IF FOUND AND NOT even_if_running THEN
    RAISE EXCEPTION 'a task of % is running', cluster_name USING ERRCODE = 'BQ009';
  END IF;
  UPDATE task SET state = 'failed', ended_at = moment(), error = 'the cluster was removed from the queue'
  WHERE cluster = cluster_name AND state = 'running';
  DELETE FROM cluster WHERE name = cluster_name;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the queue has no cluster %', cluster_name USING ERRCODE = 'BQ005';
  END IF;
END $$;

-- A word of a connection string; NULL when it is not there.
CREATE FUNCTION backup_queue.conninfo_word(conninfo text, keyword text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = backup_queue, pg_temp AS $$
  SELECT regexp_replace(coalesce(found[2], found[3]), '\\(.)', '\1', 'g')
  FROM regexp_matches(conninfo, '(^|\s)' || keyword || E'\\s*=\\s*(?:''((?:[^''\\\\]|\\\\.)*)''|((?:[^\\s\\\\]|\\\\.)*))') AS found
$$;

-- For the old shell script, by its names, arguments and results (the misspelt one too): the next backup for this archive host, held
-- for a day, or no row. As there, one that it was given so and has not stopped has failed when it asks again.
CREATE FUNCTION backup_queue.get_next(
  i_archiver text, OUT o_backip_id integer, OUT o_pghost text, OUT o_pgport integer, OUT o_remote_archiver text,
  OUT o_keep_backups_cnt integer, OUT o_backups_dir text, OUT o_bareos_on text
) RETURNS SETOF record
LANGUAGE plpgsql ROWS 1 SECURITY DEFINER SET search_path = backup_queue, pg_temp AS $$
DECLARE
  held task;
BEGIN
  FOR held IN SELECT * FROM task WHERE state = 'running' AND host = i_archiver AND assignment ? 'get_next'
  LOOP
    PERFORM complete(
      jsonb_build_object('token', held.token),
      '{"state": "failed", "error": "the archive host asked for another backup before it had stopped this one"}'
    );
  END LOOP;
  FOR held IN
    SELECT * FROM claim(
      md5(random()::text || clock_timestamp()::text || pg_backend_pid())::uuid, i_archiver, lease_seconds => 86400
    )
  LOOP
    UPDATE task SET assignment = assignment || '{"get_next": true}' WHERE task_id = held.task_id;
    o_backip_id := held.task_id;
    o_pghost := split_part(conninfo_word(held.assignment ->> 'conninfo', 'host'), ',', 1);
    o_pgport := coalesce(nullif(split_part(conninfo_word(held.assignment ->> 'conninfo', 'port'), ',', 1), ''), '5432');
    o_remote_archiver := held.assignment -> 'peers' ->> 0;
    o_keep_backups_cnt := held.assignment ->> 'keep';
    o_backups_dir := held.assignment ->> 'directory';
    o_bareos_on := held.assignment -> 'options' ->> 'bareos-on';
    RETURN NEXT;
  END LOOP;
END $$;

-- For the old shell script: the backup is complete. False when there is no such backup.
CREATE FUNCTION backup_queue.stop(i_backup_id integer, OUT o_info boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = backup_queue, pg_temp AS $$
BEGIN
  PERFORM complete(jsonb_build_object('token', t.token), '{"state": "succeeded"}') FROM task t WHERE t.task_id = i_backup_id;
  o_info := FOUND;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA backup_queue FROM PUBLIC;
GRANT USAGE ON SCHEMA backup_queue TO backup_queue_worker, backup_queue_operator, backup_queue_monitor;

GRANT EXECUTE ON FUNCTION backup_queue.claim, backup_queue.heartbeat, backup_queue.complete,
  backup_queue.record_verification, backup_queue.get_next, backup_queue.stop TO backup_queue_worker;

GRANT SELECT ON ALL TABLES IN SCHEMA backup_queue TO backup_queue_operator, backup_queue_monitor;
REVOKE ALL ON backup_queue.claim_lock FROM backup_queue_operator, backup_queue_monitor;
-- A worker's token is its right to complete the task.
REVOKE SELECT ON backup_queue.task FROM backup_queue_operator, backup_queue_monitor;
GRANT SELECT (task_id, kind, cluster, host, source_server, assignment, state, due_at, started_at, heartbeat_at,
  lease_seconds, lease_until, ended_at, done_bytes, total_bytes, error, name, source_bytes, stored_bytes, start_lsn,
  stop_lsn, timeline, system_identifier, server_version, tool_version, based_on_task_id, details)
  ON backup_queue.task TO backup_queue_operator, backup_queue_monitor;
GRANT EXECUTE ON FUNCTION backup_queue.moment TO backup_queue_operator, backup_queue_monitor;

GRANT INSERT, UPDATE, DELETE ON backup_queue.archive_host, backup_queue.source_server, backup_queue.cluster,
  backup_queue.schedule TO backup_queue_operator;
GRANT UPDATE ON backup_queue.turn TO backup_queue_operator;
GRANT EXECUTE ON FUNCTION backup_queue.remove_cluster TO backup_queue_operator;
