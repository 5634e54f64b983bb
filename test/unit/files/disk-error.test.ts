import { describe, expect, test } from 'vitest';
import { Failure } from '../../../packages/core/src/base/failure.ts';
import { toDiskFailure } from '../../../packages/core/src/files/disk-error.ts';

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: something`), { code });
}

describe('an error of the file system', () => {
  test.each(['ENOSPC', 'EDQUOT', 'EFBIG'])('%s is a full disk', (code) => {
    const error = systemError(code);
    const failure = toDiskFailure(error, 'writing') as Failure;
    expect(failure).toBeInstanceOf(Failure);
    expect([failure.code, failure.cause, failure.retryable]).toEqual(['disk_full', error, true]);
    expect(failure.message).toBe(`no space left while writing (${code})`);
  });

  test.each(['EIO', 'EROFS', 'EACCES', 'EPERM', 'ENODEV', 'ESTALE', 'EMFILE', 'ENFILE', 'EAGAIN', 'ENOTDIR'])(
    '%s is an error of the disk',
    (code) => {
      const failure = toDiskFailure(systemError(code), 'writing') as Failure;
      expect(failure).toBeInstanceOf(Failure);
      expect([failure.code, failure.retryable]).toEqual(['disk_error', true]);
    },
  );

  test.each([systemError('ECONNRESET'), new Error('a bug'), 'a text', undefined])('%s is left as it is', (other) => {
    expect(toDiskFailure(other, 'writing')).toBe(other);
  });

  test('that was understood already is left as it is', () => {
    const failure = new Failure('conflict', 'other content', { cause: systemError('EIO') });
    expect(toDiskFailure(failure, 'writing')).toBe(failure);
  });
});
