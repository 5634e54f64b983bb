import { type Lsn, tryParseLsn } from '../../wal/lsn.ts';
import { type TimelineId, timelineFromNumber } from '../../wal/timeline-id.ts';

/** What a server's log tells of its start and its recovery, so far. PostgreSQL's words with lc_messages C, versions 12 to 18. */
export interface RecoveryStory {
  /** Of the archive files that restore_command delivered: the last segment, and how many there were in all. */
  readonly lastRestored: string | undefined;
  readonly restoredCount: number;
  readonly redoStartLsn: Lsn | undefined;
  readonly consistentLsn: Lsn | undefined;
  /** Of the last record that was replayed: its beginning. */
  readonly redoDoneLsn: Lsn | undefined;
  /** Of the last commit or rollback that was replayed, by the old server's clock. */
  readonly lastTransactionMs: number | undefined;
  /** Where a target stopped it, in PostgreSQL's words. */
  readonly stoppedAt: string | undefined;
  readonly newTimeline: TimelineId | undefined;
  readonly isPaused: boolean;
  readonly isShutDown: boolean;
  readonly isComplete: boolean;
  readonly acceptsConnections: boolean;
  /** Why the WAL ended where it did, as "invalid record length at 0/4000060: expected at least 24, got 0". */
  readonly endOfWal: string | undefined;
  /** FATAL and PANIC messages with their DETAIL and HINT, oldest first, at most `maxKept`. */
  readonly fatal: readonly string[];
  /** What is wrong in its configuration files; at most `maxKept`. */
  readonly configuration: readonly string[];
  /** What programs that the server runs have said, restore_cmd above all; at most `maxKept`. */
  readonly programs: readonly string[];
}

export const emptyStory: RecoveryStory = {
  lastRestored: undefined,
  restoredCount: 0,
  redoStartLsn: undefined,
  consistentLsn: undefined,
  redoDoneLsn: undefined,
  lastTransactionMs: undefined,
  stoppedAt: undefined,
  newTimeline: undefined,
  isPaused: false,
  isShutDown: false,
  isComplete: false,
  acceptsConnections: false,
  endOfWal: undefined,
  fatal: [],
  configuration: [],
  programs: [],
};

const maxKept = 12;

/** Logged before the FATAL that only says in which file there are errors. */
const configurationProblem =
  /^(invalid value for parameter|unrecognized configuration parameter|syntax error in file|could not open configuration|parameter "[^"]+" requires)/;

/** The story with one more line of the log. Pure. */
export function tellLine(story: RecoveryStory, line: string): RecoveryStory {
  // Whatever log_line_prefix puts before it.
  const [, level, message = ''] =
    /(?:^|[\s:\]>])(LOG|FATAL|PANIC|DETAIL|HINT|WARNING|ERROR): {2}(.*)$/.exec(line) ?? [];
  if (level === undefined) {
    return /^(error|warning|hint|info): /.test(line) ? { ...story, programs: keep(story.programs, line) } : story;
  }
  if (level === 'FATAL' || level === 'PANIC') return { ...story, fatal: keep(story.fatal, message) };
  const lastFatal = story.fatal.at(-1);
  if ((level === 'DETAIL' || level === 'HINT') && lastFatal !== undefined) {
    return { ...story, fatal: [...story.fatal.slice(0, -1), `${lastFatal} (${message})`] };
  }
  return level === 'LOG' ? { ...story, ...toldBy(story, message) } : story;
}

function keep(lines: readonly string[], line: string): string[] {
  return [...lines.slice(1 - maxKept), line];
}

function toldBy(story: RecoveryStory, message: string): Partial<RecoveryStory> {
  const restored = /^restored log file "([^"]+)" from archive/.exec(message)?.[1];
  if (restored !== undefined) {
    // At the end of a recovery the history of its timeline is fetched once more.
    const lastRestored = restored.length === 24 ? restored : story.lastRestored;
    return { lastRestored, restoredCount: story.restoredCount + 1 };
  }
  const lsn = (pattern: RegExp) => tryParseLsn(pattern.exec(message)?.[1] ?? '');
  const redoStartLsn = lsn(/^redo starts at ([0-9A-F/]+)/);
  if (redoStartLsn !== undefined) return { redoStartLsn };
  const consistentLsn = lsn(/^consistent recovery state reached at ([0-9A-F/]+)/);
  if (consistentLsn !== undefined) return { consistentLsn };
  const redoDoneLsn = lsn(/^redo done at ([0-9A-F/]+)/);
  if (redoDoneLsn !== undefined) return { redoDoneLsn };
  const committed = /^last completed transaction was at log time (.*)/.exec(message)?.[1];
  if (committed !== undefined) return { lastTransactionMs: parseServerTime(committed) };
  if (configurationProblem.test(message)) return { configuration: keep(story.configuration, message) };
  if (message.startsWith('recovery stopping ')) return { stoppedAt: message.slice('recovery stopping '.length) };
  const timeline = timelineFromNumber(Number(/^selected new timeline ID: (\d+)/.exec(message)?.[1]));
  if (timeline !== undefined) return { newTimeline: timeline };
  if (/^(pausing at the end of recovery|recovery has paused)/.test(message)) return { isPaused: true };
  // The server ends with status 3 of its startup process then, which PostgreSQL takes for a shutdown.
  if (message === 'shutdown at recovery target') return { isShutDown: true };
  if (message.startsWith('archive recovery complete')) return { isComplete: true, isPaused: false };
  if (message.startsWith('database system is ready to accept')) return { acceptsConnections: true };
  if (
    / at [0-9A-F]+\/[0-9A-F]+(:|$)/.test(message) &&
    /^(invalid|incorrect|record with|unexpected|missing|there is no)/.test(message)
  ) {
    return { endOfWal: message };
  }
  return {};
}

/**
 * A time as the server's log has it: "2026-11-21 10:07:21.123456+00". Undefined in a time zone that is written as a word and is not
 * UTC. Pure.
 */
export function parseServerTime(text: string): number | undefined {
  const match = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?) ?(?:([+-]\d\d)(?::?(\d\d))?|UTC|GMT|Z)?$/.exec(
    text.trim(),
  );
  if (match === null) return undefined;
  const [, date, time = '', hours = '+00', minutes = '00'] = match;
  const ms = Date.parse(`${date}T${time.slice(0, 12)}${hours}:${minutes}`);
  return Number.isNaN(ms) ? undefined : ms;
}
