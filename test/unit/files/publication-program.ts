/** Run under strace: publishes a segment in the cluster directory that its argument names, then the same one again. */
import { mkdirSync } from 'node:fs';
import { ClusterDirectory } from '../../../packages/core/src/archive/cluster-directory.ts';
import { Debts } from '../../../packages/core/src/archive/debts.ts';
import { IncomingFile } from '../../../packages/core/src/archive/incoming-file.ts';
import { WalStore } from '../../../packages/core/src/archive/wal-store.ts';
import { Activity } from '../../../packages/core/src/base/activity.ts';
import { systemClock } from '../../../packages/core/src/base/clock.ts';
import { silentLog } from '../../../packages/core/src/base/log.ts';
import { nameOf, segment } from '../archive/wal-segment.ts';

const directory = new ClusterDirectory(process.argv[2] ?? '');
mkdirSync(directory.walDirectory, { recursive: true });
const store = await WalStore.open(directory, {
  cluster: 'main',
  maxAhead: 10,
  clock: systemClock,
  log: silentLog,
  activity: new Activity(),
});
const form = await segment(nameOf(1));
const incoming = await IncomingFile.begin(store, form.file, 1_700_000_000_123);
await incoming.append(form.stored.subarray(0, 400_000));
await incoming.append(form.stored.subarray(400_000));
incoming.complete(form.summary);
await incoming.makeDurable();
await incoming.publish();
await incoming.discard();
// "same" promises what "new" does.
mkdirSync(`${directory.path}/same-from-here`);
await store.compareDigest(form.file, form.rawDigest);
mkdirSync(`${directory.path}/debt-from-here`);
await new Debts(directory, 'arch2').record(form.file.name);
mkdirSync(directory.debtsDirectory('arch3'));
await new Debts(directory, 'arch3').record(form.file.name);
