import { createCipheriv } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ClusterDirectory } from '../../packages/core/src/archive/cluster-directory.ts';
import { createClusterRecord } from '../../packages/core/src/archive/identity.ts';
import { parseSegmentSize } from '../../packages/core/src/wal/segment-size.ts';
import { systemIdentifierFromNumber } from '../../packages/core/src/wal/system-identifier.ts';
import type { ArchiveHost } from '../../test/support/archive-host.ts';
import { ArchiveStand } from '../../test/support/archive-stand.ts';
import { trust } from '../../test/support/keys.ts';
import { BIN_DIRECTORY } from '../../test/support/repository.ts';
import { encoded, ourSystem, walSegment } from '../../test/unit/archive/wal-segment.ts';
import { peakBytesOf } from './peak-memory.ts';
import { barRow, type CaseResult, median, type Row } from './summary.ts';

const listedFiles = 100_000;
const copiedSegments = 200;
const segmentSize = 16 * 1024 * 1024;
const rounds = 5;
const copyRounds = 3;

/** wal-sync beside rsync, one after the other in each round, over the same link. */
export async function measureSync(): Promise<CaseResult> {
  await using stand = await ArchiveStand.create();
  await trust(stand.arch1.machine, stand.arch2, { as: 'shell-arch2', identity: 'id_shell' });
  for (const host of stand.hosts) await makeIdentity(host, stand);
  const copying = await measureCopying(stand);
  for (const host of stand.hosts) {
    emptyWalDirectory(stand, host);
    fill(stand, host);
  }
  return { rows: [...(await measureListing(stand)), ...copying] };
}

async function measureListing(stand: ArchiveStand): Promise<Row[]> {
  const ours: Measurement[] = [];
  const theirs: Measurement[] = [];
  const target = `shell-arch2:${stand.walDirectory}/`;
  for (let round = 0; round <= rounds; round++) {
    const sync = await measure(stand, walSync(stand));
    const rsync = await measure(stand, ['rsync', '-a', '--dry-run', `${stand.walDirectory}/`, target]);
    console.error(`round ${round}: wal-sync ${sync.seconds.toFixed(2)} s, rsync ${rsync.seconds.toFixed(2)} s`);
    // The first one is for the page cache, and starts the rotation's clock.
    if (round > 0) {
      ours.push(sync);
      theirs.push(rsync);
    }
  }
  const seconds = median(ours.map((run) => run.seconds));
  const ratio = median(ours.map((run, index) => run.seconds / (theirs[index]?.seconds ?? Number.NaN)));
  const mebibytes = Math.max(...ours.map((run) => run.peakBytes)) / 1024 / 1024;
  return [
    [`wal-sync, ${listedFiles} files on each side, nothing to do`, `${seconds.toFixed(2)} s`],
    ['  rsync -a --dry-run', `${median(theirs.map((run) => run.seconds)).toFixed(2)} s`],
    barRow('  in seconds', { ratio: seconds, atMost: 3 }),
    barRow('  ratio of neighbouring runs', { ratio, atMost: 1 }),
    barRow('  memory of either side at most, in MB', { ratio: mebibytes * 1.048576, atMost: 250 }),
  ];
}

async function measureCopying(stand: ArchiveStand): Promise<Row[]> {
  const storedBytes = await makeSegments(stand);
  const rows = await compareCopying(stand, storedBytes, 'a link without a limit');
  const shape = [
    'tc',
    'qdisc',
    'add',
    'dev',
    'eth0',
    'root',
    'tbf',
    'rate',
    '1gbit',
    'burst',
    '512k',
    'latency',
    '50ms',
  ];
  await stand.arch1.machine.check(shape, { user: 'root' });
  rows.push(...(await compareCopying(stand, storedBytes, 'a link of 1 Gbit/s')));
  await stand.arch1.machine.check(['tc', 'qdisc', 'del', 'dev', 'eth0', 'root'], { user: 'root' });
  return rows;
}

async function compareCopying(stand: ArchiveStand, storedBytes: number, link: string): Promise<Row[]> {
  const ratios: number[] = [];
  const ours: Measurement[] = [];
  const target = '/archive/rsync';
  stand.arch2.machine.makeDirectory(target);
  for (let round = 0; round < copyRounds; round++) {
    const rsync = await measure(stand, ['rsync', '-a', `${stand.walDirectory}/`, `shell-arch2:${target}/`]);
    rmSync(stand.arch2.machine.path(target), { recursive: true });
    stand.arch2.machine.makeDirectory(target);
    const sync = await measure(stand, walSync(stand));
    const copied = readdirSync(stand.arch2.machine.path(stand.walDirectory)).length;
    if (copied !== copiedSegments) throw new Error(`${copied} segments were copied, not ${copiedSegments}`);
    emptyWalDirectory(stand, stand.arch2);
    console.error(`round ${round}: wal-sync ${sync.seconds.toFixed(2)} s, rsync ${rsync.seconds.toFixed(2)} s`);
    ours.push(sync);
    ratios.push(rsync.seconds / sync.seconds);
  }
  const mebibytes = storedBytes / 1024 / 1024;
  const seconds = median(ours.map((run) => run.seconds));
  return [
    [
      `wal-sync, ${copiedSegments} segments missing on the peer, ${mebibytes.toFixed(0)} MiB, ${link}`,
      `${(mebibytes / seconds).toFixed(0)} MiB/s`,
    ],
    barRow('  speed beside rsync -a in the same round', { ratio: median(ratios), atLeast: 1 }),
    [
      '  memory of either side at most',
      `${(Math.max(...ours.map((run) => run.peakBytes)) / 1024 / 1024).toFixed(0)} MiB`,
    ],
  ];
}

function walSync(stand: ArchiveStand): string[] {
  const remote = ['--remote-cmd', `${BIN_DIRECTORY}/archive_remote_cmd`];
  return [`${BIN_DIRECTORY}/wal-sync`, stand.walDirectory, 'arch2', ...remote];
}

interface Measurement {
  seconds: number;
  /** The largest process of ours on either host. */
  peakBytes: number;
}

async function measure(stand: ArchiveStand, argv: readonly string[]): Promise<Measurement> {
  let peakBytes = 0;
  const timer = setInterval(() => {
    for (const { machine } of stand.hosts) {
      for (const { pid } of machine.processes(/wal-sync|archive_remote_cmd/)) {
        peakBytes = Math.max(peakBytes, peakBytesOf(pid));
      }
    }
  }, 100);
  const begunMs = performance.now();
  try {
    await stand.arch1.machine.check(argv, { timeoutMs: 300_000 });
    return { seconds: (performance.now() - begunMs) / 1000, peakBytes };
  } finally {
    clearInterval(timer);
  }
}

async function makeIdentity({ machine }: ArchiveHost, stand: ArchiveStand): Promise<void> {
  const directory = new ClusterDirectory(machine.path(stand.walDirectory).replace(/\/logs\.complete$/, ''));
  const systemIdentifier = systemIdentifierFromNumber(ourSystem);
  if (systemIdentifier === undefined) throw new Error('no system identifier');
  const identity = { systemIdentifier, segmentSize: parseSegmentSize(segmentSize), postgresMajor: 15 };
  await createClusterRecord(directory, stand.cluster, identity, Date.now());
  const path = stand.walDirectory.replace(/logs\.complete$/, 'cluster.json');
  await machine.check(['chown', 'postgres:postgres', path], { user: 'root' });
}

/** Real segments of noise and emptiness that compress as WAL does, to about a third. */
async function makeSegments(stand: ArchiveStand): Promise<number> {
  const noise = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16)).update(Buffer.alloc(segmentSize));
  let bytes = 0;
  for (let number = 1; number <= copiedSegments; number++) {
    const name = nameOf(number);
    const raw = walSegment(name, { segmentSize });
    for (let page = 8192; page < segmentSize; page += 8192) raw.fill(0, page + 2700, page + 8192);
    noise.copy(raw, 2048, number * 1000, number * 1000 + 4096);
    const { stored } = await encoded(name, raw);
    bytes += stored.length;
    stand.arch1.machine.writeFile(`${stand.walDirectory}/${name}`, stored);
  }
  return bytes;
}

function fill(stand: ArchiveStand, { machine }: ArchiveHost): void {
  const content = Buffer.alloc(100);
  for (let number = 1; number <= listedFiles; number++) {
    machine.writeFile(`${stand.walDirectory}/${nameOf(number)}`, content);
  }
}

function emptyWalDirectory(stand: ArchiveStand, { machine }: ArchiveHost): void {
  const directory = machine.path(stand.walDirectory);
  for (const name of readdirSync(directory)) rmSync(join(directory, name));
  // The files of the listing are names and sizes only: nothing is to be read.
  rmSync(join(directory, '../state/scrub.json'), { force: true });
}

/** The nth segment of a cluster with segments of 16 MiB. */
function nameOf(number: number): string {
  const half = (value: number) => value.toString(16).toUpperCase().padStart(8, '0');
  return half(1) + half(Math.floor(number / 256)) + half(number % 256);
}
