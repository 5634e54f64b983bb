import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SharedDirectorySync, syncDirectory } from '../../../packages/core/src/files/directory-sync.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** fsyncs that end when the test says so. */
class FakeDisk {
  begun = 0;
  running: ((error?: Error) => void)[] = [];

  readonly fsync = (): Promise<void> => {
    this.begun += 1;
    return new Promise((resolve, reject) => {
      this.running.push((error) => (error ? reject(error) : resolve()));
    });
  };

  end(error?: Error): void {
    this.running.shift()?.(error);
  }
}

/** Lets everything run that can without a disk's help. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

describe('a shared fsync of a directory', () => {
  test('begins at once when none is running', async () => {
    const disk = new FakeDisk();
    const done = new SharedDirectorySync('/d', disk.fsync).sync();
    expect(disk.begun).toBe(1);
    disk.end();
    await done;
  });

  test('that runs already is not enough: who comes later waits for the next one', async () => {
    const disk = new FakeDisk();
    const shared = new SharedDirectorySync('/d', disk.fsync);
    const ended: string[] = [];
    const first = shared.sync().then(() => ended.push('first'));
    const later = [shared.sync(), shared.sync()].map((sync) => sync.then(() => ended.push('later')));
    disk.end();
    await first;
    await settle();
    expect(ended).toEqual(['first']);
    expect(disk.begun).toBe(2);
    disk.end();
    await Promise.all(later);
    expect(disk.begun).toBe(2);
  });

  test('that fails fails all who waited for it, and those after it get one of their own', async () => {
    const disk = new FakeDisk();
    const shared = new SharedDirectorySync('/d', disk.fsync);
    const first = shared.sync();
    const later = shared.sync();
    disk.end(new Error('EIO'));
    await expect(first).rejects.toThrow('EIO');
    await settle();
    disk.end();
    await later;
    expect(disk.begun).toBe(2);
  });

  test('answers every call by one that began after the call, in whatever order calls and ends come', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom('call', 'end', 'tick', 'settle'), { maxLength: 40 }), async (steps) => {
        const disk = new FakeDisk();
        const endedUpTo = { value: 0 };
        const shared = new SharedDirectorySync('/d', async () => {
          const mine = disk.begun + 1;
          await disk.fsync();
          endedUpTo.value = Math.max(endedUpTo.value, mine);
        });
        const calls: Promise<void>[] = [];
        const call = (): void => {
          const begunBefore = disk.begun;
          const answered = shared.sync().then(() => expect(endedUpTo.value).toBeGreaterThan(begunBefore));
          calls.push(answered.then(() => undefined));
        };
        for (const step of steps) {
          if (step === 'call') call();
          else if (step === 'end') disk.end();
          else if (step === 'tick') await Promise.resolve();
          else await settle();
        }
        await settle();
        while (disk.running.length > 0) {
          disk.end();
          await settle();
        }
        await Promise.all(calls);
        expect(disk.begun).toBeLessThanOrEqual(calls.length);
      }),
    );
  });

  test('is one of the directory itself by default', async () => {
    const directory = temporaryDirectory();
    await new SharedDirectorySync(directory).sync();
    await expect(new SharedDirectorySync(join(directory, 'gone')).sync()).rejects.toThrow(/ENOENT/);
  });
});

test('a directory can be fsynced, a missing one cannot', async () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'd'));
  writeFileSync(join(directory, 'd', 'f'), '');
  await syncDirectory(join(directory, 'd'));
  await expect(syncDirectory(join(directory, 'gone'))).rejects.toThrow(/ENOENT/);
});
