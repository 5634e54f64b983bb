/** Run as a program of its own: takes what its arguments say, says "held" or "refused", and holds it until it is ended. */
import { spawn } from 'node:child_process';
import { tryLock } from '../../../packages/core/src/files/lock.ts';
import { PartFile } from '../../../packages/core/src/files/part-file.ts';

const [what, path = ''] = process.argv.slice(2);
const held = what === 'part' ? await PartFile.create(path, 'held') : tryLock(path);
if (held === undefined) {
  console.log('refused');
} else {
  // A program that the holder starts and that outlives it; the test ends it with the holder's process group.
  if (what === 'lock-with-child') spawn('sleep', ['600'], { stdio: 'ignore' });
  console.log('held');
  setInterval(() => held, 1000);
}
