import type { OnUnavailable } from './options.ts';

/** Who asks: it decides what "not known" may be called. */
export type Asker = 'standby' | 'recovery' | 'elsewhere';

/** What one host said about a file. */
export type HostAnswer =
  | { kind: 'delivered' }
  /**
   * Its archive does not have the file. `later`: but it has this later segment, so the file is missing in between. `speaksFor`: nor
   * does the host of this name, as far as the primary was told that the file is archived. `accepted`: who accepted the hole, and why.
   */
  | { kind: 'no'; later?: string; speaksFor?: string; accepted?: string }
  /** It could not be asked, or may not say. */
  | { kind: 'cannot_say'; reason: string }
  /** It has the file, and the copy is not whole. */
  | { kind: 'damaged'; reason: string };

/** The three values that the hosts' answers join to. */
export type Answer =
  | { kind: 'delivered' }
  | { kind: 'absent' }
  /** `hole`: every host said no, but has later WAL. `doubt`: a host could not say, or its copy is damaged. */
  | { kind: 'unknown'; because: 'hole' | 'doubt'; reason: string };

/** What a host said. */
export interface Said {
  /** As in the host list. */
  host: string;
  /** Without user and port; as `host` where it is not given. */
  hostName?: string;
  answer: HostAnswer;
}

/**
 * Joins the hosts' answers. Absent only when every host said no, or one that speaks for those that could not say, and none of them
 * has WAL that builds on it: what cannot be asked may have the file, and a file that is missing before later ones is a hole, not the
 * end. Pure.
 */
export function joinAnswers(answers: readonly Said[]): Answer {
  if (answers.length === 0) return { kind: 'unknown', because: 'doubt', reason: 'no host was asked' };
  if (answers.some(({ answer }) => answer.kind === 'delivered')) return { kind: 'delivered' };
  const spokenFor = new Set(answers.map(({ answer }) => (answer.kind === 'no' ? answer.speaksFor : undefined)));
  const doubts = answers.flatMap(({ host, hostName = host, answer }) => {
    if (answer.kind === 'cannot_say' && spokenFor.has(hostName)) return [];
    if (answer.kind === 'cannot_say') return [`${host} cannot say: ${answer.reason}`];
    if (answer.kind === 'damaged') return [`${host} has a damaged copy: ${answer.reason}`];
    return [];
  });
  if (doubts.length > 0) return { kind: 'unknown', because: 'doubt', reason: doubts.join('; ') };
  const holes = answers.flatMap(({ host, answer }) => {
    return answer.kind === 'no' && answer.later !== undefined ? [`${host} has ${answer.later}`] : [];
  });
  if (holes.length > 0)
    return { kind: 'unknown', because: 'hole', reason: `it is missing although ${holes.join(' and ')}` };
  return { kind: 'absent' };
}

/** What to do about an answer: end with a status, or ask again. */
export type Step = { kind: 'exit'; status: 0 | 1 | 126 } | { kind: 'again' };

export interface StepRules {
  asker: Asker;
  onUnavailable: OnUnavailable;
  /** Milliseconds since the first question, and how long recovery may ask again. */
  elapsedMs: number;
  unavailableTimeoutMs: number;
}

/**
 * PostgreSQL reads every status from 1 to 125 as "no such file", which in recovery means the end of WAL; 126 makes it stop.
 * So 1 is for what is known to be absent, or for a standby, which asks again by itself. Pure.
 */
export function nextStep(answer: Answer, rules: StepRules): Step {
  if (answer.kind === 'delivered') return { kind: 'exit', status: 0 };
  if (answer.kind === 'absent') return { kind: 'exit', status: 1 };
  if (rules.onUnavailable === 'end') return { kind: 'exit', status: 1 };
  if (rules.asker === 'standby') return { kind: 'exit', status: 1 };
  if (rules.onUnavailable === 'abort') return { kind: 'exit', status: 126 };
  if (rules.onUnavailable === 'retry') return { kind: 'again' };
  if (rules.asker === 'recovery' && rules.elapsedMs < rules.unavailableTimeoutMs) return { kind: 'again' };
  return { kind: 'exit', status: 126 };
}

/** The status of an end that nobody foresaw: never "absent" where that would end a recovery. */
export function statusOfFailure(asker: Asker): 1 | 126 {
  return asker === 'standby' ? 1 : 126;
}
