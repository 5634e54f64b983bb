/**
 * Every way a command can fail: one table for the code, its exit status, whether trying again can help, and its meaning.
 *
 * `docs/exit-statuses.md` is generated from it. Exit statuses stay within 2..125: above, PostgreSQL's archiver restarts
 * instead of counting the failure; 1 is left for what the shell or the runtime says, and 2 is wrong usage everywhere.
 * The codes also cross the session between our processes (docs/protocol.md), so a code is never renamed.
 */
interface FailureKind {
  exit: number;
  retryable: boolean;
  meaning: string;
}

export const failureTable = {
  usage: { exit: 2, retryable: false, meaning: 'the arguments or the configuration are wrong' },
  internal: {
    exit: 70,
    retryable: true,
    meaning: 'an error nobody foresaw: a bug, or the machine is out of something',
  },

  bad_name: { exit: 10, retryable: false, meaning: 'the name is not that of a PostgreSQL archive file' },
  bad_source: {
    exit: 11,
    retryable: false,
    meaning: 'the file to ship is missing, not a plain file, or of the wrong size',
  },
  source_changed: { exit: 12, retryable: true, meaning: 'the file changed while it was read' },
  bad_page_header: { exit: 13, retryable: false, meaning: "the segment's page header does not fit its name" },
  wrong_cluster: {
    exit: 14,
    retryable: false,
    meaning: 'the file belongs to another cluster (system identifier or segment size)',
  },
  conflict: { exit: 15, retryable: false, meaning: 'the archive holds other content under this name' },
  not_found: { exit: 16, retryable: false, meaning: 'the archive does not hold this file' },

  host_unreachable: { exit: 20, retryable: true, meaning: 'no archive host could be reached' },
  host_stalled: { exit: 21, retryable: true, meaning: 'an archive host stopped answering' },
  host_key_unknown: { exit: 22, retryable: false, meaning: "the archive host's key is not in known_hosts" },
  host_key_changed: { exit: 23, retryable: false, meaning: "the archive host's key is not the one in known_hosts" },
  login_refused: { exit: 24, retryable: false, meaning: 'the archive host refused our keys' },
  bad_ssh_config: {
    exit: 25,
    retryable: false,
    meaning: 'the SSH configuration has a directive that cannot be honoured',
  },
  protocol: { exit: 26, retryable: false, meaning: 'the other side speaks something else, or another version' },
  deadline: { exit: 27, retryable: true, meaning: 'the call ran into its deadline; the transfer may still be moving' },
  copies_missing: { exit: 28, retryable: true, meaning: 'fewer archive hosts than --min-copies confirmed the file' },
  pledged: {
    exit: 29,
    retryable: true,
    meaning: 'an archive host relies on --min-copies=2, and cannot be told that one copy is enough now',
  },

  not_initialized: { exit: 30, retryable: false, meaning: 'the cluster directory is not there, or not set up' },
  wrong_directory: {
    exit: 31,
    retryable: false,
    meaning: 'DST-DIR is not the WAL directory that the archive host serves',
  },
  not_allowed: { exit: 32, retryable: false, meaning: 'the key has no right to do this' },
  disk_full: { exit: 33, retryable: true, meaning: 'the disk that is written to has no space, inodes or quota left' },
  disk_error: { exit: 34, retryable: true, meaning: 'a file system returned an error' },
  no_hard_links: { exit: 35, retryable: false, meaning: 'the file system of the archive host has no hard links' },
  damaged: { exit: 36, retryable: false, meaning: 'a stored file fails its checksum' },
  quarantine_full: { exit: 37, retryable: false, meaning: 'the quarantine of the archive host is full' },
  predecessor_failed: {
    exit: 38,
    retryable: true,
    meaning: 'an earlier segment of the same session was not stored, so this one was not',
  },
  too_far_ahead: { exit: 39, retryable: false, meaning: 'the name is too far ahead of the newest stored one' },
  busy: { exit: 40, retryable: true, meaning: 'another process holds the lock, or is using the file' },
  agent_unavailable: { exit: 41, retryable: true, meaning: 'the agent did not answer and none could be started' },
  check_failed: { exit: 42, retryable: false, meaning: 'a check found something that must be put right' },
  state_directory: { exit: 43, retryable: false, meaning: 'the state directory is not ours alone' },
  hole: { exit: 45, retryable: false, meaning: 'segments are missing on both hosts although later WAL is archived' },
  cleanup_refused: { exit: 44, retryable: false, meaning: 'removing WAL would not be safe, so nothing was removed' },

  queue_unavailable: { exit: 50, retryable: true, meaning: 'the backup queue could not be asked' },
  queue_version: { exit: 51, retryable: false, meaning: 'the backup queue is not set up, or of another version' },
  queue_denied: { exit: 52, retryable: false, meaning: 'the login has no right to do this in the backup queue' },
  unknown_cluster: { exit: 53, retryable: false, meaning: 'the backup queue does not know this cluster' },
  cluster_exists: { exit: 54, retryable: false, meaning: 'the backup queue has a cluster of this name' },
  stale_claim: { exit: 55, retryable: false, meaning: 'the task was given to another worker, or has ended' },

  server_unavailable: {
    exit: 60,
    retryable: true,
    meaning: 'no database server could be reached that a backup can be taken from',
  },
  backup_failed: { exit: 61, retryable: true, meaning: 'pg_basebackup failed, or is not there' },
  backup_damaged: {
    exit: 62,
    retryable: true,
    meaning: 'the base backup is not what its manifest says, so it was not kept',
  },
  wal_missing: {
    exit: 63,
    retryable: true,
    meaning: 'the WAL that the base backup needs did not reach the archive in time',
  },
  interrupted: { exit: 64, retryable: true, meaning: 'a signal ended the work before it was done' },

  restore_refused: {
    exit: 65,
    retryable: false,
    meaning: 'the restore, as it was asked for, cannot be or would not be safe; nothing was touched',
  },
  restore_failed: {
    exit: 66,
    retryable: true,
    meaning: 'the restored server did not start, or did not reach its target',
  },
  drill_failed: { exit: 67, retryable: false, meaning: 'the backup did not prove to be good' },
  not_confirmed: { exit: 68, retryable: false, meaning: 'nobody said yes to the plan; nothing was touched' },
} as const satisfies Record<string, FailureKind>;

export type FailureCode = keyof typeof failureTable;

export function isFailureCode(text: string): text is FailureCode {
  return Object.hasOwn(failureTable, text);
}
