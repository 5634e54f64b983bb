import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ShipCall } from '../../../packages/archive_cmd/src/agent/ship-call.ts';
import type { AgentRequest } from '../../../packages/core/src/agent/client.ts';
import { nameOf } from '../archive/wal-segment.ts';
import { failureFrom } from '../base/expect-failure.ts';

const environment = { HOME: '/var/lib/postgresql', PATH: '/usr/bin' };
const walDirectory = '/storage/main/logs.complete';

function request(args: string[], more: Partial<AgentRequest> = {}): AgentRequest {
  return { program: '/usr/bin/archive2', kind: 'call', args, workingDirectory: '/pg', environment, ...more };
}

/** A command line in which only the file is open. */
type Line = (path: string, name: string) => string[];

const lines: [string, Line][] = [
  ['no options', (path, name) => ['arch1 arch2', walDirectory, path, name, 'main']],
  ['an option before the words', (path, name) => ['--min-copies=2', 'arch1 arch2', walDirectory, path, name, 'main']],
  ['an option with its value before', (path, name) => ['--pwals', '2', 'arch1', walDirectory, path, name, 'main']],
  ['an option between', (path, name) => ['arch1', walDirectory, '--pwals', '8', path, name, '--verbose', 'main']],
  ['an option between path and name', (path, name) => ['arch1', walDirectory, path, '--pwals', '8', name, 'main']],
  ['options after', (path, name) => ['arch1', walDirectory, path, name, 'main', '--cmd-timeout', '60', '--verbose']],
  ['the name as the host’s', (path, name) => ['h', '/x/h/logs.complete', path, name, 'h', '--remote-cmd', 'h']],
];

describe.each(lines)('a command line with %s', (_what, line) => {
  test('is recognized with any other file, which is told', async () => {
    const call = await ShipCall.parse(request(line(`pg_wal/${nameOf(1)}`, nameOf(1))));
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.constantFrom('', '.partial', '.00000028.backup'), (number, suffix) => {
        const name = nameOf(number) + suffix;
        expect(call.fileOf(request(line(`pg_wal/${name}`, name)))).toEqual({ path: `pg_wal/${name}`, name });
        expect(call.fileOf(request(line(`/elsewhere/${name}`, nameOf(3))))).toEqual({
          path: `/elsewhere/${name}`,
          name: nameOf(3),
        });
      }),
    );
  });

  test('is recognized when path and name are the same word', async () => {
    const call = await ShipCall.parse(request(line(nameOf(1), nameOf(1))));
    expect(call.fileOf(request(line(nameOf(2), nameOf(2))))).toEqual({ path: nameOf(2), name: nameOf(2) });
    expect(call.fileOf(request(line(`pg_wal/${nameOf(2)}`, nameOf(2))))?.path).toBe(`pg_wal/${nameOf(2)}`);
  });

  test('is not recognized when any other word differs', async () => {
    const args = line(`pg_wal/${nameOf(1)}`, nameOf(1));
    const call = await ShipCall.parse(request(args));
    for (const [at, word] of args.entries()) {
      if (word.endsWith(nameOf(1))) continue;
      expect(call.fileOf(request(args.with(at, `${word}x`))), word).toBeUndefined();
      expect(call.fileOf(request(args.toSpliced(at, 1))), word).toBeUndefined();
      expect(call.fileOf(request(args.toSpliced(at, 0, '--verbose'))), word).toBeUndefined();
    }
  });

  test('is not recognized with an option, or nothing, where the file was', async () => {
    const call = await ShipCall.parse(request(line(`pg_wal/${nameOf(1)}`, nameOf(1))));
    for (const word of ['--min-copies=1', '-x', '--', '']) {
      expect(call.fileOf(request(line(word, nameOf(1))))).toBeUndefined();
      expect(call.fileOf(request(line(`pg_wal/${nameOf(1)}`, word)))).toBeUndefined();
    }
  });
});

test('a call in another environment is another call', async () => {
  const args = ['arch1', walDirectory, `pg_wal/${nameOf(1)}`, nameOf(1), 'main'];
  const call = await ShipCall.parse(request(args));
  expect(call.fileOf(request(args, { environment: { PATH: '/usr/bin', HOME: '/var/lib/postgresql' } }))).toBeDefined();
  for (const other of [{}, { ...environment, HOME: '/root' }, { ...environment, ARCHIVE2_MIN_COPIES: '2' }]) {
    expect(call.fileOf(request(args, { environment: other }))).toBeUndefined();
  }
});

test('the settings are those of the flags, then of the environment', async () => {
  const args = ['arch1 arch2', walDirectory, 'p', nameOf(1), 'main'];
  const settings = { ...environment, ARCHIVE2_PWALS: '7', ARCHIVE2_MIN_COPIES: '2' };
  const call = await ShipCall.parse(request([...args, '--min-copies=1'], { environment: settings }));
  expect(call.settings).toMatchObject({ minCopies: 1, maxInFlight: 7, cluster: 'main', callDeadlineMs: 30_000 });
  expect(call.settings.hosts.map(({ text }) => text)).toEqual(['arch1', 'arch2']);
});

test.each([
  [['arch1', walDirectory, 'p', nameOf(1)]],
  [['arch1', walDirectory, 'p', nameOf(1), 'main', 'more']],
  [['arch1 arch2 arch3', walDirectory, 'p', nameOf(1), 'main']],
  [['arch1', '/storage/main', 'p', nameOf(1), 'main']],
  [['arch1', walDirectory, 'p', nameOf(1), '../main']],
  [['arch1', walDirectory, 'p', nameOf(1), 'main', '--min-copies=2']],
  [['arch1 arch2', walDirectory, 'p', nameOf(1), 'main', '--min-copies=3']],
  [['arch1', walDirectory, 'p', nameOf(1), 'main', '--nonsense']],
  [['arch1', walDirectory, 'p', nameOf(1), 'main', '--pwals=0']],
])('the command line %j is wrong usage', async (args) => {
  await failureFrom('usage', ShipCall.parse(request(args)));
});
