import { mkdirSync, writeFileSync } from 'node:fs';
import { readdir, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import { type ProcessEnd, SupervisedProcess } from '../base/supervised-process.ts';
import { together } from '../base/together.ts';
import { toDiskFailure } from '../files/disk-error.ts';
import type { SegmentName } from '../wal/archive-file.ts';
import type { ClusterIdentity } from '../wal/cluster-identity.ts';
import { inspectTar } from './inspect-tar.ts';
import { MemberBook } from './member-book.ts';
import type { ChecksumAlgorithm } from './member-digest.ts';
import { receiveWalTar } from './receive-wal-tar.ts';
import { TarInspector } from './tar-inspector.ts';

export interface Reception {
  /** Exists, and is empty. */
  directory: string;
  program: { path: string; args: readonly string[]; environment: Record<string, string> };
  identity: ClusterIdentity;
  algorithm: ChecksumAlgorithm;
  /** The tars come plain, and we compress them. */
  compress: boolean;
  /** Ends the reception: the program is ended, and the reason thrown. */
  signal: AbortSignal;
  clock: Clock;
  /** Each line that the program writes. */
  onLine: (line: string) => void;
}

/** All of a backup that is not WAL. */
export interface ReceivedTars {
  /** Not compared with the manifest yet. */
  book: MemberBook;
  /** Where the backup's WAL ends, as pg_basebackup says it: "0/700100". */
  endLsn: string | undefined;
}

export interface ReceivedBackup<Comparison> {
  comparison: Comparison;
  /** That are in pg_wal.tar. */
  walSegments: ReadonlySet<SegmentName>;
}

/** base.tar and those of tablespaces; pg_wal.tar is not written from its beginning to its end. */
const tarName = /^(base|[1-9][0-9]{0,9})\.tar(\.zst)?$/;

const lookMs = 50;
const stopGraceMs = 10_000;
const keptLines = 12;

/**
 * Runs pg_basebackup and reads its tars while they grow: each member is digested, and backup_label, tablespace_map and pg_control
 * are written beside them as soon as they come. When it has ended, and all other tars were read, `compare` is to compare what came with
 * the manifest, while pg_wal.tar is being compressed. The tars are durable on return. Throws Failure `backup_failed`, `backup_damaged`, what
 * `compare` throws, or the signal's reason; the program has ended then.
 */
export async function receiveBackup<Comparison>(
  reception: Reception,
  compare: (tars: ReceivedTars) => Promise<Comparison>,
): Promise<ReceivedBackup<Comparison>> {
  const { program, onLine } = reception;
  const lines: string[] = [];
  let endLsn: string | undefined;
  const giveUp = new AbortController();
  const signal = AbortSignal.any([reception.signal, giveUp.signal]);
  const book = new MemberBook(reception.algorithm);
  const child = new SupervisedProcess({
    ...program,
    onLine: (line) => {
      lines.push(line);
      if (lines.length > keptLines) lines.shift();
      endLsn = /write-ahead log end point: (\S+)/.exec(line)?.[1] ?? endLsn;
      onLine(line);
    },
  });
  const stop = () => {
    child.stop(stopGraceMs).catch(() => undefined);
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    const inspections = inspectAll(reception, child, book, signal);
    inspections.catch((error: unknown) => giveUp.abort(error));
    const end = await child.ended;
    // What went wrong first is the reason: a program that we ended says nothing of its own.
    signal.throwIfAborted();
    checkEnd(end, lines, reception.directory);
    const { directory, identity, clock } = reception;
    const [comparison, walSegments] = await together<[Comparison, ReadonlySet<SegmentName>]>(signal, [
      async () => {
        await inspections;
        return await compare({ book, endLsn });
      },
      (ours) => receiveWalTar({ directory, identity, signal: ours, clock }),
    ]);
    return { comparison, walSegments };
  } finally {
    signal.removeEventListener('abort', stop);
    giveUp.abort();
    if (child.isRunning) await child.stop(stopGraceMs);
  }
}

/** Begins with each tar when it appears; resolves when the program has ended and all are read. */
async function inspectAll(
  reception: Reception,
  child: SupervisedProcess,
  book: MemberBook,
  signal: AbortSignal,
): Promise<void> {
  const { directory, compress, clock } = reception;
  const inspections = new Map<string, Promise<void>>();
  const ended = new AbortController();
  const end = () => ended.abort();
  child.ended.then(end, end);
  const finished = ended.signal;
  const awaking = AbortSignal.any([finished, signal]);
  let failed: { error: unknown } | undefined;
  for (let wasFinished = false; !wasFinished; ) {
    wasFinished = finished.aborted;
    for (const name of await readdir(directory)) {
      const [, tar = ''] = tarName.exec(name) ?? [];
      if (tar === '' || inspections.has(tar)) continue;
      const prefix = tar === 'base' ? '' : `pg_tblspc/${tar}/`;
      const listener = new TarInspector({ book, keep: (path, content) => keep(directory, path, content) }, prefix);
      const work = inspectTar({ path: join(directory, name), listener, compress, finished, signal, clock });
      work.catch((error: unknown) => {
        failed ??= { error };
      });
      inspections.set(tar, work);
    }
    if (failed !== undefined) throw toDiskFailure(failed.error, `reading the backup in ${directory}`);
    signal.throwIfAborted();
    if (!wasFinished) await clock.sleep(lookMs, awaking);
  }
  await Promise.all(inspections.values());
  if (!inspections.has('base')) throw new Failure('backup_failed', 'pg_basebackup wrote no base.tar');
  if (compress) for (const tar of inspections.keys()) await unlink(join(directory, `${tar}.tar`));
}

function keep(directory: string, name: string, content: Buffer): void {
  const path = join(directory, name);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, content, { flag: 'wx', mode: 0o600 });
}

function checkEnd({ status, description }: ProcessEnd, lines: readonly string[], directory: string): void {
  if (status === 0) return;
  const said = lines.filter((line) => /error|fatal|could not|terminated|denied/i.test(line));
  const reason = (said.length > 0 ? said : lines.slice(-2)).join('; ').replaceAll('pg_basebackup: ', '');
  const code = /No space left|disk quota/i.test(reason) ? 'disk_full' : 'backup_failed';
  throw new Failure(code, `pg_basebackup ended with ${description}: ${reason || 'it said nothing'}`, {
    hint:
      code === 'disk_full'
        ? `Free space on the file system of ${directory}.`
        : "Look at the server's log, its pg_hba.conf (a line for replication) and max_wal_senders.",
  });
}
