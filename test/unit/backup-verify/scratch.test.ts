import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Scratch } from '../../../packages/backup-verify/src/scratch/scratch.ts';
import { failureFrom } from '../base/expect-failure.ts';

let parent: string;
let directory: string;

beforeEach(() => {
  // Not below a long TMPDIR: sockets are made in it.
  parent = mkdtempSync('/tmp/scratch-');
  directory = join(parent, 'main');
});

afterEach(() => {
  rmSync(parent, { recursive: true });
});

/** Whether files can be made that nobody can remove: as root, on most file systems. */
function canPin(): boolean {
  const probe = mkdtempSync('/tmp/scratch-probe-');
  const can = ['+i', '-i'].every((flag) => spawnSync('chattr', [flag, probe]).status === 0);
  rmSync(probe, { recursive: true });
  return can;
}

/** Opens, and lets go at once, as a drill that is killed does. */
async function openAndDie(): Promise<Scratch> {
  const scratch = await Scratch.open(parent, 'main');
  scratch.release();
  return scratch;
}

describe('the scratch of a drill', () => {
  test('that was killed with all it had restored is removed by the next one', async () => {
    const { dataDirectory } = await openAndDie();
    mkdirSync(join(dataDirectory, 'base'), { recursive: true });
    await openAndDie();
    expect(existsSync(dataDirectory)).toBe(false);
  });

  test('that was killed before it had its mark is removed by the next one', async () => {
    mkdirSync(directory, { mode: 0o700 });
    await openAndDie();
    expect(readdirSync(directory)).toContain('s');
  });

  test.runIf(canPin())('keeps its mark until all else is removed', async () => {
    // In which order a file system lists names nobody knows: some of these come after the mark.
    for (let number = 0; number < 20; number += 1) {
      const scratch = await openAndDie();
      const held = join(directory, `log.${number}`);
      writeFileSync(held, '');
      execFileSync('chattr', ['+i', held]);
      try {
        await expect(scratch.remove()).rejects.toThrow();
        expect(readdirSync(directory)).toContain('.archive2-drill');
      } finally {
        execFileSync('chattr', ['-i', held]);
      }
    }
    await openAndDie();
    expect(readdirSync(directory).filter((name) => name.startsWith('log.'))).toEqual([]);
  });

  test('is not made where something else is, or others may enter', async () => {
    mkdirSync(directory, { mode: 0o700 });
    writeFileSync(join(directory, 'letters'), 'to keep');
    await failureFrom('usage', () => Scratch.open(parent, 'main'));
    expect(readdirSync(directory)).toEqual(['letters']);
    rmSync(join(directory, 'letters'));
    chmodSync(directory, 0o755);
    await failureFrom('usage', () => Scratch.open(parent, 'main'));
  });

  test('is one for a cluster at a time', async () => {
    const scratch = await Scratch.open(parent, 'main');
    await failureFrom('busy', () => Scratch.open(parent, 'main'));
    scratch.release();
    await openAndDie();
  });
});
