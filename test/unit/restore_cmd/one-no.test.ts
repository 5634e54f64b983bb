import { describe, expect, test } from 'vitest';
import { type HostAnswer, joinAnswers } from '../../../packages/restore_cmd/src/answer.ts';

const other: Record<string, HostAnswer> = {
  delivers: { kind: 'delivered' },
  'says no': { kind: 'no' },
  'has later WAL': { kind: 'no', later: '000000010000000000000009' },
  'cannot say': { kind: 'cannot_say', reason: 'connection refused' },
  'has a damaged copy': { kind: 'damaged', reason: 'its checksum fails' },
};

/** What it comes to, where one host says no and speaks for the other one, by whether that is the one that was asked. */
const joined: Record<string, [forIt: string, forAnother: string]> = {
  delivers: ['delivered', 'delivered'],
  'says no': ['absent', 'absent'],
  'has later WAL': ['hole', 'hole'],
  'cannot say': ['absent', 'doubt'],
  // It has the file: somebody sent it.
  'has a damaged copy': ['doubt', 'doubt'],
};

function join(speaksFor: string, answer: HostAnswer, later?: string): string {
  const no: HostAnswer = { kind: 'no', speaksFor, ...(later === undefined ? {} : { later }) };
  const answers = [
    { host: 'archive@arch1', hostName: 'arch1', answer: no },
    { host: 'archive@arch2:2222', hostName: 'arch2', answer },
  ];
  const results = [joinAnswers(answers), joinAnswers(answers.toReversed())];
  const [kind, same] = results.map((result) => (result.kind === 'unknown' ? result.because : result.kind));
  expect(same).toBe(kind);
  return kind ?? '';
}

describe('a "no" that speaks for the other host, which', () => {
  test.each(Object.keys(joined))('%s', (what) => {
    const answer = other[what] ?? { kind: 'no' };
    expect([join('arch2', answer), join('arch3', answer)]).toEqual(joined[what]);
  });

  test('cannot say, is no end before later WAL', () => {
    expect(join('arch2', { kind: 'cannot_say', reason: '' }, '000000010000000000000009')).toBe('hole');
  });
});

test('two hosts that cannot say are spoken for by nobody', () => {
  const cannotSay: HostAnswer = { kind: 'cannot_say', reason: '' };
  const answers = ['arch1', 'arch2'].map((host) => ({ host, hostName: host, answer: cannotSay }));
  expect(joinAnswers(answers).kind).toBe('unknown');
});
