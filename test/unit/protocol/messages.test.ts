import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Failure } from '../../../packages/core/src/base/failure.ts';
import { type FailureCode, failureTable } from '../../../packages/core/src/base/failure-table.ts';
import { decodeMessage, type Fields, type MessageTable } from '../../../packages/core/src/protocol/fields.ts';
import { encodeFrame, readFrames } from '../../../packages/core/src/protocol/frame.ts';
import {
  clientMessages,
  errorMessage,
  failureOfMessage,
  serverMessages,
} from '../../../packages/core/src/protocol/messages.ts';
import { failureFrom } from '../base/expect-failure.ts';
import { all, inPieces } from './pieces.ts';

const anyCode = fc.constantFrom(...(Object.keys(failureTable) as FailureCode[]));

function valueOf(kind: string): fc.Arbitrary<unknown> {
  switch (kind.replace('?', '')) {
    case 'text':
      return fc.string();
    case 'count':
      return fc.maxSafeNat();
    case 'flag':
      return fc.boolean();
    default:
      return fc.array(fc.string());
  }
}

/** What is no value of this kind. */
function otherThan(kind: string): fc.Arbitrary<unknown> {
  const values: Record<string, unknown[]> = {
    text: [1, true, null, {}, [], 'x'.repeat(16 * 1024 + 1)],
    count: ['1', -1, 1.5, 2 ** 53, true, null, {}, []],
    flag: ['true', 0, 1, null, {}],
    texts: ['x', [1], [null], { length: 0 }, null, ['x'.repeat(16 * 1024 + 1)]],
  };
  return fc.constantFrom(...(values[kind.replace('?', '')] ?? []));
}

function typesOf(table: MessageTable): [string, Fields][] {
  return Object.entries(table);
}

describe.each([
  ['client', clientMessages as MessageTable],
  ['server', serverMessages as MessageTable],
])('a message of the %s', (_side, table) => {
  test.each(typesOf(table))('%s is decoded to the fields it has, and no others', (type, fields) => {
    const model = Object.fromEntries(Object.entries(fields).map(([field, kind]) => [field, valueOf(kind)]));
    const optional = Object.entries(fields).filter(([, kind]) => kind.endsWith('?'));
    const required = Object.keys(fields).filter((field) => !optional.some(([name]) => name === field));
    fc.assert(
      fc.property(fc.record(model, { requiredKeys: required }), (values) => {
        const message = decodeMessage(table, { ...values, type, newer: 'field', __other: 1 });
        expect(message).toEqual({ ...values, type });
      }),
      { numRuns: 20 },
    );
  });

  test.each(typesOf(table))('%s with a field that is missing or of another kind is refused', (type, fields) => {
    for (const [field, kind] of Object.entries(fields)) {
      const good = Object.fromEntries(Object.entries(fields).map(([name, k]) => [name, fc.sample(valueOf(k), 1)[0]]));
      fc.assert(
        fc.property(otherThan(kind), (wrong) => {
          expect(() => decodeMessage(table, { ...good, type, [field]: wrong })).toThrow(Failure);
        }),
        { numRuns: 8 },
      );
      const { [field]: _left, ...missing } = good;
      if (kind.endsWith('?')) expect(decodeMessage(table, { ...missing, type })).not.toHaveProperty(field);
      else expect(() => decodeMessage(table, { ...missing, type })).toThrow(new RegExp(`field ${field} `));
    }
  });

  test.each([undefined, null, 1, [], {}, '', 'nonsense', 'toString', '__proto__', 'constructor', 'x'.repeat(10_000)])(
    'of the type %j is refused',
    async (type) => {
      const { message } = await failureFrom('protocol', () => decodeMessage(table, { type, id: 1 }));
      expect(message.length).toBeLessThan(200);
    },
  );

  test('is a message or a Failure protocol, whatever JSON comes', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(...Object.keys(table)), (json, type) => {
        try {
          decodeMessage(table, { id: 1, ...json, type });
        } catch (error) {
          expect((error as Failure).code).toBe('protocol');
        }
      }),
    );
  });
});

describe('an error', () => {
  test('comes out as the failure that went in, and says which host sent it', async () => {
    const anyFailure = fc
      .record({
        code: anyCode,
        message: fc.string(),
        hint: fc.option(fc.string(), { nil: undefined }),
        details: fc.dictionary(
          fc.string().filter((key) => key !== 'host' && key !== '__proto__'),
          fc.oneof(fc.string(), fc.integer()),
          { maxKeys: 4 },
        ),
      })
      .map(({ code, message, hint, details }) => {
        return new Failure(code, message, { details, ...(hint === undefined ? {} : { hint }) });
      });
    await fc.assert(
      fc.asyncProperty(anyFailure, fc.option(fc.nat(), { nil: undefined }), async (failure, id) => {
        const bytes = Buffer.concat(encodeFrame(errorMessage(failure, id)));
        const [frame] = await all(readFrames(inPieces(bytes, [1000])));
        const message = decodeMessage(serverMessages, frame?.header ?? {});
        if (message.type !== 'error') throw new Error(message.type);
        expect(message.id).toBe(id);
        const read = failureOfMessage(message, 'arch1');
        expect([read.code, read.message, read.hint]).toEqual([failure.code, failure.message, failure.hint]);
        expect(read.details).toEqual({ ...failure.details, host: 'arch1' });
      }),
    );
  });

  test('of any length can be sent and understood', async () => {
    const long = '\u0001ä"'.repeat(40_000);
    const failure = new Failure('conflict', long, { hint: long, details: { long, digest: 'abc' } });
    const [frame] = await all(readFrames(inPieces(Buffer.concat(encodeFrame(errorMessage(failure, 7))), [65_536])));
    const message = decodeMessage(serverMessages, frame?.header ?? {});
    if (message.type !== 'error') throw new Error(message.type);
    const read = failureOfMessage(message, 'arch1');
    expect([message.id, read.code]).toEqual([7, 'conflict']);
    expect(long.startsWith(read.message.replace(/ …$/, ''))).toBe(true);
  });

  test('with a code that is not ours is a failure of the protocol that tells it', () => {
    const failure = failureOfMessage({ type: 'error', code: 'toString', message: 'no' }, 'arch1');
    expect(failure.code).toBe('protocol');
    expect(failure.message).toContain('toString');
  });

  test.each(['', '{', 'null', '[1]', '"x"', '{"a":{"b":1}}', '{"a":null}'])(
    'with the details %j is that error without them',
    (details) => {
      const failure = failureOfMessage({ type: 'error', code: 'conflict', message: 'no', details }, 'arch1');
      expect(failure.code).toBe('conflict');
      expect(failure.details['host']).toBe('arch1');
    },
  );

  test('cannot say that it comes from another host', () => {
    const details = '{"host":"elsewhere"}';
    const failure = failureOfMessage({ type: 'error', code: 'conflict', message: 'no', details }, 'arch1');
    expect(failure.details['host']).toBe('arch1');
  });
});

describe('the table of failures', () => {
  const rows = Object.entries(failureTable);

  test('gives each code an exit status of its own that PostgreSQL counts as a failure', () => {
    for (const [, { exit }] of rows) {
      expect(exit).toBeGreaterThanOrEqual(2);
      expect(exit).toBeLessThanOrEqual(125);
    }
    expect(new Set(rows.map(([, { exit }]) => exit)).size).toBe(rows.length);
  });

  test('is what a failure says of itself', () => {
    for (const [code, { exit, retryable }] of rows) {
      const failure = new Failure(code as FailureCode, 'x');
      expect([failure.exit, failure.retryable]).toEqual([exit, retryable]);
    }
  });
});
