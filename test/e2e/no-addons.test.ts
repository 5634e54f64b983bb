import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ArchiveStand } from '../support/archive-stand.ts';
import { DataDirectory } from '../support/data-directory.ts';
import { trust } from '../support/keys.ts';

let stand: ArchiveStand;

beforeAll(async () => {
  stand = await ArchiveStand.create();
});

afterAll(async () => {
  await stand?.close();
});

test('no addon (.node) is opened or unpacked, by archive_cmd or by archive_remote_cmd with its peer', async () => {
  const data = new DataDirectory(stand, 'data');
  const trace = '/tmp/trace';
  await trust(stand.primary, stand.arch1, {
    as: 'arch1-traced',
    identity: 'id_traced',
    forcedCommand: `strace -f -qq -o ${trace} -e trace=openat ${stand.serveCommand('put', 'arch2')}`,
  });
  const { name } = data.segment(1);
  const argv = data.argv(name, {
    hosts: 'arch1-traced',
    flags: ['--no-agent', '--connect-timeout=10', '--stall-timeout=10'],
  });
  const traced = ['strace', '-f', '-qq', '-o', trace, '-e', 'trace=openat', ...argv];
  const result = await stand.primary.run(traced, { cwd: data.path, env: data.environment() });
  expect(result).toMatchObject({ status: 0 });
  for (const machine of [stand.primary, stand.arch1.machine]) {
    const opened = readFileSync(machine.path(trace), 'utf8')
      .split('\n')
      .filter((line) => !line.includes('ENOENT'));
    // It opened something: the trace is one.
    expect(opened.some((line) => line.includes(machine === stand.primary ? name : 'logs.complete'))).toBe(true);
    expect(opened.filter((line) => /\.node"|"\/tmp\/(?!trace)/.test(line))).toEqual([]);
  }
});
