/**
 * The one table of events (docs/events.md). `on` says whose log has it: that of a database server or of an archive host.
 *
 * A name is never renamed and never gets another meaning: people's filters and notify commands go by it.
 */
export type EventSeverity = 'info' | 'warning' | 'error';

export interface EventKind {
  severity: EventSeverity;
  on: 'server' | 'archive' | 'both';
  meaning: string;
}

export const eventTable = {
  'agent-started': { severity: 'info', on: 'server', meaning: 'an agent began to serve a data directory' },
  'agent-ended': { severity: 'info', on: 'server', meaning: 'an agent ended in order: `reason`' },
  'host-failed': {
    severity: 'warning',
    on: 'server',
    meaning: 'an archive host failed for the first time since it worked',
  },
  'cooldown-began': {
    severity: 'warning',
    on: 'server',
    meaning: 'an archive host failed so often in a row that it is asked last from now on, until it works',
  },
  'cooldown-ended': { severity: 'info', on: 'server', meaning: 'an archive host has its place back' },
  'host-back': { severity: 'info', on: 'server', meaning: 'an archive host that had failed works again' },
  'host-switched': {
    severity: 'warning',
    on: 'server',
    meaning: 'WAL goes to another host than before; `info` when that is the preferred one again',
  },
  'archiving-failed': {
    severity: 'error',
    on: 'server',
    meaning: 'a call of archive_command failed; once until one succeeds, and once more for each other reason',
  },
  'archiving-resumed': {
    severity: 'info',
    on: 'server',
    meaning: 'a call of archive_command succeeded after failed ones',
  },
  'backlog-began': { severity: 'warning', on: 'server', meaning: 'so many files wait to be archived: `ready`' },
  'backlog-ended': { severity: 'info', on: 'server', meaning: 'few files wait again' },
  backfilled: { severity: 'info', on: 'server', meaning: 'WAL of the parent timeline was shipped after a promotion' },
  'backfill-failed': { severity: 'error', on: 'server', meaning: 'some of it was not: there may be a hole' },
  'answer-unknown': {
    severity: 'error',
    on: 'server',
    meaning: 'restore_command could not learn whether a file is archived; once until it can; `warning` on a standby',
  },
  'answer-known': { severity: 'info', on: 'server', meaning: 'it can again' },
  'copy-damaged': { severity: 'error', on: 'both', meaning: 'a stored copy is not whole' },
  'delay-changed': {
    severity: 'warning',
    on: 'server',
    meaning: 'a person paused, released or resumed a delayed standby',
  },

  'debts-recorded': { severity: 'warning', on: 'archive', meaning: 'the peer lacks `count` files that this host has' },
  'peer-away': { severity: 'warning', on: 'archive', meaning: 'the debts wait, as the peer cannot be reached' },
  'peer-back': { severity: 'info', on: 'archive', meaning: 'the peer can be reached again, debts are being paid' },
  'debts-paid': { severity: 'info', on: 'archive', meaning: 'the peer has what it lacked: one line for all of them' },
  'debts-stuck': { severity: 'error', on: 'archive', meaning: 'the peer refuses files for good: a person must look' },
  conflict: {
    severity: 'error',
    on: 'archive',
    meaning: 'other content came under a stored name, and is in the quarantine',
  },
  'conflict-keep-stored': { severity: 'warning', on: 'archive', meaning: 'a person settled it for the stored file' },
  'conflict-use-new': { severity: 'warning', on: 'archive', meaning: 'a person settled it for the newcomer' },
  'request-refused': {
    severity: 'error',
    on: 'archive',
    meaning: 'a request was refused for a reason that stays: `code`',
  },
  'store-failed': { severity: 'error', on: 'archive', meaning: 'the disk did not take a file: `code`' },
  repaired: { severity: 'warning', on: 'archive', meaning: 'a damaged copy was replaced by a whole one' },
  'timeline-began': {
    severity: 'warning',
    on: 'archive',
    meaning: 'the first history file of a timeline came: a promotion',
  },
  'identity-made': { severity: 'info', on: 'archive', meaning: 'the first segment of the cluster came' },
  'hole-found': { severity: 'error', on: 'archive', meaning: 'segments are missing on both hosts; once for each hole' },
  'hole-filled': { severity: 'info', on: 'archive', meaning: 'a hole that was found before is none any more' },
  'hole-accepted': { severity: 'warning', on: 'archive', meaning: 'a person accepted a hole' },
  'pledge-waived': {
    severity: 'warning',
    on: 'archive',
    meaning: 'a person ended the pledge of two copies without the peer',
  },
  sync: { severity: 'info', on: 'archive', meaning: 'wal-sync compared the hosts; `warning` when they are not equal' },
  'sync-failed': { severity: 'warning', on: 'archive', meaning: 'wal-sync could not' },
  'wal-removed': { severity: 'info', on: 'archive', meaning: 'a cleanup removed WAL that no backup needs' },
  'cleanup-failed': {
    severity: 'warning',
    on: 'archive',
    meaning: 'a cleanup was refused or failed: nothing was removed',
  },
  'backup-began': { severity: 'info', on: 'archive', meaning: 'a base backup is being taken' },
  'backup-completed': { severity: 'info', on: 'archive', meaning: 'it is complete and published' },
  'backup-failed': { severity: 'error', on: 'archive', meaning: 'nothing of it is left' },
  'drill-began': { severity: 'info', on: 'both', meaning: 'a backup is being restored to prove it' },
  'drill-passed': { severity: 'info', on: 'both', meaning: 'it proved to be good' },
  'drill-failed': { severity: 'error', on: 'both', meaning: 'it did not, or the drill could not be carried out' },
  'restore-began': { severity: 'warning', on: 'both', meaning: 'a server is being restored' },
  'restore-completed': {
    severity: 'warning',
    on: 'both',
    meaning: 'its files are there, and it reached its target if it was started',
  },
  'restore-failed': { severity: 'error', on: 'both', meaning: 'it did not' },

  'notify-failed': {
    severity: 'error',
    on: 'both',
    meaning: 'the notify command failed for `count` events, which are given up',
  },
  'events-lost': {
    severity: 'warning',
    on: 'both',
    meaning: 'so many events are not in the log: too many at once, or the disk refused them',
  },
} as const satisfies Record<string, EventKind>;

export type EventName = keyof typeof eventTable;

export function isEventName(text: string): text is EventName {
  return Object.hasOwn(eventTable, text);
}
