import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { preamble } from '../../../packages/core/src/protocol/messages.ts';
import { afterPreamble } from '../../../packages/core/src/protocol/preamble.ts';
import { failureFrom } from '../base/expect-failure.ts';
import { all, inPieces, pieceSizes } from './pieces.ts';

interface Heard {
  rest: Buffer;
  noise: string[];
}

async function heard(bytes: Buffer, sizes: readonly number[] = [1000]): Promise<Heard> {
  const noise: string[] = [];
  const pieces = await all(afterPreamble(inPieces(bytes, sizes), (text) => noise.push(text)));
  return { rest: Buffer.concat(pieces), noise };
}

describe('what comes after the preamble', () => {
  test('is passed on, and nothing before it, whatever a login shell printed and in whatever pieces', async () => {
    const anyNoise = fc.oneof(
      fc.string({ maxLength: 60 }),
      fc.constant(preamble.slice(0, -1)),
      fc.constant('archive2'),
    );
    const anyRest = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));
    await fc.assert(
      fc.asyncProperty(anyNoise, anyRest, pieceSizes, async (text, rest, sizes) => {
        fc.pre(!text.includes(preamble));
        const result = await heard(Buffer.concat([Buffer.from(text + preamble), rest]), sizes);
        expect(result.rest).toEqual(rest);
        expect(result.noise).toHaveLength(text === '' ? 0 : 1);
      }),
    );
  });

  test('may hold the preamble again', async () => {
    expect((await heard(Buffer.from(`${preamble}a${preamble}b`))).rest.toString()).toBe(`a${preamble}b`);
  });
});

test('noise is told in one line that a terminal does not act on, and not all of it', async () => {
  const { noise } = await heard(Buffer.from(`\u001b[31mred\n${'x'.repeat(5000)}${preamble}`));
  expect(noise[0]).toMatch(/^\\x1b\[31mred\\x0ax+$/);
  expect(noise[0]?.length).toBeLessThan(300);
});

describe('refused', () => {
  test('is an end without a preamble, and what was said is told', async () => {
    expect((await failureFrom('protocol', heard(Buffer.alloc(0)))).message).toContain('said nothing');
    const failure = await failureFrom('protocol', heard(Buffer.from('bash: archive_remote_cmd: command not found\n')));
    expect(failure.message).toContain('command not found');
    expect(failure.hint).toBeDefined();
    for (let cut = 1; cut < preamble.length; cut++) {
      await failureFrom('protocol', heard(Buffer.from(preamble.slice(0, cut))));
    }
  });

  test('are more than 64 KiB of noise, before more of it is read', async () => {
    let read = 0;
    async function* endless(): AsyncGenerator<Buffer> {
      while (read < 1_000_000) {
        read += 1000;
        yield Buffer.alloc(1000, 'x');
      }
    }
    await failureFrom('protocol', all(afterPreamble(endless(), () => undefined)));
    expect(read).toBeLessThan(70_000);
  });

  test('are not 60 KiB of it', async () => {
    const { rest } = await heard(Buffer.from(`${'x'.repeat(60 * 1024)}${preamble}rest`));
    expect(rest.toString()).toBe('rest');
  });
});
