import { describe, expect, test } from 'vitest';
import {
  type Answer,
  type Asker,
  type HostAnswer,
  joinAnswers,
  nextStep,
  type Step,
  statusOfFailure,
} from '../../../packages/restore_cmd/src/answer.ts';
import type { OnUnavailable } from '../../../packages/restore_cmd/src/options.ts';

type Said = 'ok' | 'no' | 'no, later' | 'cannot say' | 'damaged';
type Joined = 'delivered' | 'absent' | 'hole' | 'doubt';

const said: Record<Said, HostAnswer> = {
  ok: { kind: 'delivered' },
  no: { kind: 'no' },
  'no, later': { kind: 'no', later: '000000010000000000000009' },
  'cannot say': { kind: 'cannot_say', reason: 'connection refused' },
  damaged: { kind: 'damaged', reason: 'the stored file does not decompress' },
};

/** What the answers of two hosts join to. */
const joined: Record<Said, Record<Said, Joined>> = {
  ok: { ok: 'delivered', no: 'delivered', 'no, later': 'delivered', 'cannot say': 'delivered', damaged: 'delivered' },
  no: { ok: 'delivered', no: 'absent', 'no, later': 'hole', 'cannot say': 'doubt', damaged: 'doubt' },
  'no, later': { ok: 'delivered', no: 'hole', 'no, later': 'hole', 'cannot say': 'doubt', damaged: 'doubt' },
  'cannot say': { ok: 'delivered', no: 'doubt', 'no, later': 'doubt', 'cannot say': 'doubt', damaged: 'doubt' },
  damaged: { ok: 'delivered', no: 'doubt', 'no, later': 'doubt', 'cannot say': 'doubt', damaged: 'doubt' },
};

/** What one host alone says. */
const alone: Record<Said, Joined> = {
  ok: 'delivered',
  no: 'absent',
  'no, later': 'hole',
  'cannot say': 'doubt',
  damaged: 'doubt',
};

type Outcome = 0 | 1 | 126 | 'again';

/** What is done about "not known", while there is time to ask again and after that. */
const unknown: Record<Asker, Record<OnUnavailable, [inTime: Outcome, later: Outcome]>> = {
  standby: { auto: [1, 1], retry: [1, 1], abort: [1, 1], end: [1, 1] },
  recovery: { auto: ['again', 126], retry: ['again', 'again'], abort: [126, 126], end: [1, 1] },
  elsewhere: { auto: [126, 126], retry: ['again', 'again'], abort: [126, 126], end: [1, 1] },
};

const askers = Object.keys(unknown) as Asker[];
const policies = Object.keys(unknown.standby) as OnUnavailable[];
const pairs = (Object.keys(said) as Said[]).flatMap((a) => (Object.keys(said) as Said[]).map((b) => [a, b] as const));

function joinOf(...answers: Said[]): Answer {
  return joinAnswers(answers.map((answer, index) => ({ host: `arch${index + 1}`, answer: said[answer] })));
}

function kindOf(answer: Answer): Joined {
  return answer.kind === 'unknown' ? answer.because : answer.kind;
}

function outcomeOf(step: Step): Outcome {
  return step.kind === 'exit' ? step.status : step.kind;
}

function outcomes(answer: Answer, asker: Asker, onUnavailable: OnUnavailable): [Outcome, Outcome] {
  const rules = { asker, onUnavailable, unavailableTimeoutMs: 300_000 };
  return [
    outcomeOf(nextStep(answer, { ...rules, elapsedMs: 299_999 })),
    outcomeOf(nextStep(answer, { ...rules, elapsedMs: 300_000 })),
  ];
}

describe('two hosts', () => {
  test.each(pairs)('that say "%s" and "%s"', (a, b) => {
    const answer = joinOf(a, b);
    expect(kindOf(answer)).toBe(joined[a][b]);
    for (const asker of askers) {
      for (const onUnavailable of policies) {
        const known: Record<string, [Outcome, Outcome]> = { delivered: [0, 0], absent: [1, 1] };
        const expected = known[answer.kind] ?? unknown[asker][onUnavailable];
        expect(outcomes(answer, asker, onUnavailable), `${asker}, ${onUnavailable}`).toEqual(expected);
      }
    }
  });

  test.each(pairs)('"%s" and "%s" mean the same in either order', (a, b) => {
    expect(kindOf(joinOf(a, b))).toBe(kindOf(joinOf(b, a)));
  });
});

test.each(Object.entries(alone))('one host alone that says "%s" is %s', (answer, kind) => {
  expect(kindOf(joinOf(answer as Said))).toBe(kind);
});

test('that nobody was asked is no "no"', () => {
  expect(kindOf(joinOf())).toBe('doubt');
});

test('recovery never takes what is not known for the end, unless it is told to', () => {
  for (const [a, b] of pairs) {
    const answer = joinOf(a, b);
    if (answer.kind !== 'unknown') continue;
    for (const onUnavailable of ['auto', 'retry', 'abort'] as const) {
      for (const outcome of outcomes(answer, 'recovery', onUnavailable)) expect(outcome).not.toBe(1);
    }
  }
});

test('what is not known names each host and its reason', () => {
  const answer = joinOf('cannot say', 'damaged');
  expect(answer.kind === 'unknown' && answer.reason).toBe(
    'arch1 cannot say: connection refused; arch2 has a damaged copy: the stored file does not decompress',
  );
  const hole = joinOf('no', 'no, later');
  expect(hole.kind === 'unknown' && hole.reason).toContain('arch2 has 000000010000000000000009');
});

test.each([
  ['standby', 1],
  ['recovery', 126],
  ['elsewhere', 126],
] as const)('an end that nobody foresaw is for %s status %d', (asker, status) => {
  expect(statusOfFailure(asker)).toBe(status);
});
