/** Changes a queue in a file, and says when it begins and when the change is made: for a look at what reaches the disk between. */
import { writeSync } from 'node:fs';
import { SqliteQueue } from '../../../packages/core/src/queue/sqlite-queue.ts';

const queue = await SqliteQueue.open(process.argv[2] ?? '');
writeSync(1, 'begins\n');
await queue.changeHost('a', { maxRunning: 2 });
writeSync(1, 'changed\n');
await queue.close();
