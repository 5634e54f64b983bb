import { expect, test } from 'vitest';
import { Fingerprint } from '../../../packages/core/src/codec/fingerprint.ts';
import { walLike } from './content.ts';

const mib = 2 ** 20;

function fingerprintOf(content: Buffer, pieceBytes: number): bigint {
  const fingerprint = new Fingerprint();
  for (let at = 0; at < content.length; at += pieceBytes) fingerprint.update(content.subarray(at, at + pieceBytes));
  return fingerprint.value();
}

const content = walLike(3 * mib + 1234);

test('is the same however the content is cut', () => {
  const whole = fingerprintOf(content, content.length);
  for (const pieceBytes of [100, 8192, 65_535, 65_536, 65_537, 500_000, mib, mib + 1, 2 * mib])
    expect(fingerprintOf(content, pieceBytes)).toBe(whole);
});

test('changes with every byte, and with the length', () => {
  const whole = fingerprintOf(content, mib);
  for (const at of [0, mib - 1, mib, 2 * mib + 5, content.length - 1]) {
    const changed = Buffer.from(content);
    changed[at]! ^= 1;
    expect(fingerprintOf(changed, mib)).not.toBe(whole);
  }
  expect(fingerprintOf(content.subarray(0, -1), mib)).not.toBe(whole);
  expect(fingerprintOf(Buffer.concat([content, Buffer.alloc(1)]), mib)).not.toBe(whole);
});

test('does not look at a piece again once it was taken', () => {
  const piece = Buffer.from(content);
  const fingerprint = new Fingerprint();
  fingerprint.update(piece);
  piece.fill(0);
  expect(fingerprint.value()).toBe(fingerprintOf(content, mib));
});

test('is what the protocol says', () => {
  const hash = (bytes: Buffer, seed: bigint) => Bun.hash.xxHash3(bytes, seed);
  const [first, rest] = [content.subarray(0, 65_536), content.subarray(65_536, 65_536 + 10)];
  const text = (sizeBytes: number) => {
    const fingerprint = new Fingerprint();
    fingerprint.update(content.subarray(0, sizeBytes));
    return fingerprint.text();
  };
  expect(text(65_536 + 10)).toBe(hash(rest, hash(first, 0n)).toString(16).padStart(16, '0'));
  expect(text(65_536)).toBe(hash(Buffer.alloc(0), hash(first, 0n)).toString(16).padStart(16, '0'));
  expect(text(0)).toBe('2d06800538d394c2');
});
