import { Failure } from '../../base/failure.ts';
import type { ProcessEnd } from '../../base/supervised-process.ts';
import type { RecoveryStory } from './recovery-log.ts';

interface Reason {
  /** What PostgreSQL says. */
  pattern: RegExp;
  message: (match: RegExpExecArray) => string;
  hint: string;
}

/** In this order: what is more particular comes first. */
const reasons: readonly Reason[] = [
  {
    pattern: /could not restore file "([^"]+)" from archive/,
    message: ([, file]) => `restore_cmd could not say whether there is ${file}`,
    hint: 'Its own words are above or in the log: a host is away, a copy is damaged, or a segment is missing while later WAL is there.',
  },
  {
    pattern: /recovery ended before configured recovery target was reached/,
    message: () => 'the WAL ended before the target was reached',
    hint: 'The target lies after the last WAL that is archived, or on another timeline.',
  },
  {
    pattern: /requested recovery stop point is before consistent recovery point/,
    message: () => 'the target lies before the end of the backup',
    hint: 'Take an earlier backup, or a later target.',
  },
  {
    pattern: /requested timeline (\d+) is not a child of this server's history/,
    message: ([, timeline]) => `timeline ${timeline} does not come from that of the backup at its position`,
    hint: 'Take a backup from before the branch, or another timeline.',
  },
  {
    pattern: /WAL ends before (?:end of online backup|consistent recovery point)/,
    message: () => 'the WAL ended before the backup became consistent',
    hint: 'WAL of the backup itself is missing in the archive.',
  },
  {
    pattern: /could not (?:locate required checkpoint record|find redo location)/,
    message: () => 'the WAL with which the recovery begins is not there',
    hint: 'Look whether the archive has the segment in which the backup starts.',
  },
  {
    pattern: /database system identifier/,
    message: () => 'the WAL belongs to another cluster than the backup',
    hint: 'The archive holds WAL of two clusters, or the backup is of another one.',
  },
  {
    pattern: /insufficient parameter settings/,
    message: () => 'the primary had higher limits than this server',
    hint: 'Raise the settings that the log names, and start again.',
  },
  {
    pattern: /could not (?:load library|access file) "([^"]+)"/,
    message: ([, file]) => `the library ${file} is not on this machine`,
    hint: 'Install the extension, or take it out of shared_preload_libraries.',
  },
  {
    pattern: /No space left on device/,
    message: () => 'the disk is full',
    hint: 'Make room, and start again: the recovery goes on where it was.',
  },
];

/** Why a server ended that should not have. Pure. */
export function explainFailure(story: RecoveryStory, end: ProcessEnd, logFile: string): Failure {
  const said = [...story.fatal.toReversed(), story.endOfWal ?? ''];
  for (const { pattern, message, hint } of reasons) {
    const match = said.map((line) => pattern.exec(line)).find((found) => found !== null);
    if (match) return failure(message(match), hint, story, logFile);
  }
  const wrong = story.configuration.at(-1);
  if (wrong !== undefined)
    return failure(`the server does not take its settings: ${wrong}`, 'Correct them, and start again.', story, logFile);
  const last = story.fatal.at(-1) ?? `it ended with ${end.description}, and its log does not say why`;
  return failure(`the server stopped: ${last}`, 'Look at its log.', story, logFile);
}

/** Why a server that runs gets no further. Pure. */
export function explainStall(story: RecoveryStory, stalledMs: number, logFile: string): Failure {
  const seconds = Math.round(stalledMs / 1000);
  const waitsFor =
    story.restoredCount === 0
      ? 'for the first WAL from the archive'
      : `after ${story.lastRestored} (${story.programs.at(-1) ?? 'restore_cmd has said nothing'})`;
  return failure(
    `the recovery did not move for ${seconds} s; it waits ${waitsFor}`,
    'Look at its log.',
    story,
    logFile,
  );
}

function failure(message: string, hint: string, story: RecoveryStory, logFile: string): Failure {
  const facts = [
    ...story.fatal.slice(-2).map((line) => `PostgreSQL: ${line}`),
    ...story.programs.slice(-2).map((line) => `restore_cmd: ${line}`),
  ];
  const said = facts.length === 0 ? '' : ` (${facts.join('; ')})`;
  return new Failure('restore_failed', `${message}${said}`, { hint, details: { log: logFile } });
}
