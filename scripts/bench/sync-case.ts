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
import { peakBytesOf } from '../../test/support/peak-memory.ts';
import { BIN_DIRECTORY } from '../../test/support/repository.ts';
import { encoded, ourSystem, walSegment } from '../../test/unit/archive/wal-segment.ts';
import { inTurn } from './in-turn.ts';
import { barRow, type CaseResult, median, type Row } from './summary.ts';

const listedFiles = 100_000;
const copiedSegments = 200;
const segmentSize = 16 * 1024 * 1024;
const listRounds = 6;
const copyRounds = 4;

/** wal-sync beside rsync in each round, over the same link. */
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
  const target = `shell-arch2:${stand.walDirectory}/`;
  const { ours, theirs } = await bothInTurn(listRounds, {
    ours: () => measure(stand, walSync(stand)),
    theirs: () => measure(stand, ['rsync', '-a', '--dry-run', `${stand.walDirectory}/`, target]),
  });
  const seconds = median(ours.map((run) => run.seconds));
  const mebibytes = Math.max(...ours.map((run) => run.peakBytes)) / 1024 / 1024;
  return [
    [`wal-sync, ${listedFiles} files on each side, nothing to do`, `${seconds.toFixed(2)} s`],
    ['  rsync -a --dry-run', `${median(theirs.map((run) => run.seconds)).toFixed(2)} s`],
    barRow('  in seconds', { ratio: seconds, atMost: 3 }),
    barRow('  ratio of neighbouring runs', { ratio: ratioOf(ours, theirs), atMost: 1 }),
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
  const target = '/archive/rsync';
  const { ours, theirs } = await bothInTurn(copyRounds, {
    ours: async () => {
      const sync = await measure(stand, walSync(stand));
      const copied = readdirSync(stand.arch2.machine.path(stand.walDirectory)).length;
      if (copied !== copiedSegments) throw new Error(`${copied} segments were copied, not ${copiedSegments}`);
      emptyWalDirectory(stand, stand.arch2);
      return sync;
    },
    theirs: async () => {
      stand.arch2.machine.makeDirectory(target);
      const rsync = await measure(stand, ['rsync', '-a', `${stand.walDirectory}/`, `shell-arch2:${target}/`]);
      rmSync(stand.arch2.machine.path(target), { recursive: true });
      return rsync;
    },
  });
  const mebibytes = storedBytes / 1024 / 1024;
  const seconds = median(ours.map((run) => run.seconds));
  return [
    [
      `wal-sync, ${copiedSegments} segments missing on the peer, ${mebibytes.toFixed(0)} MiB, ${link}`,
      `${(mebibytes / seconds).toFixed(0)} MiB/s`,
    ],
    barRow('  speed beside rsync -a in the same round', { ratio: 1 / ratioOf(ours, theirs), atLeast: 1 }),
    [
      '  memory of either side at most',
      `${(Math.max(...ours.map((run) => run.peakBytes)) / 1024 / 1024).toFixed(0)} MiB`,
    ],
  ];
}

type Both<T> = Record<'ours' | 'theirs', T>;

/** After one of each that does not count: for the page cache, and to start the rotation's clock. */
async function bothInTurn(rounds: number, programs: Both<() => Promise<Measurement>>): Promise<Both<Measurement[]>> {
  for (const run of [programs.ours, programs.theirs]) await run();
  const measured = await inTurn([programs.ours, programs.theirs], rounds, async (run, round) => {
    const result = await run();
    console.error(`round ${round}: ${run === programs.ours ? 'wal-sync' : 'rsync'} ${result.seconds.toFixed(2)} s`);
    return result;
  });
  return { ours: measured.get(programs.ours) ?? [], theirs: measured.get(programs.theirs) ?? [] };
}

/** Of the times in the same round, the median. */
function ratioOf(ours: readonly Measurement[], theirs: readonly Measurement[]): number {
  return median(ours.map((run, round) => run.seconds / (theirs[round]?.seconds ?? Number.NaN)));
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
