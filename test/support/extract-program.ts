/**
 * Extracts the base backup in a directory, as pg_basebackup has left it: BACKUP TARGET [OID=DIRECTORY]... Prints how far it is and, at
 * the end, what it did; a failure is printed as JSON, and its status is ours.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { BackupSource } from '../../packages/core/src/backups/backup-source.ts';
import type { SurveyedBackup } from '../../packages/core/src/backups/host-survey.ts';
import { tarBlockBytes } from '../../packages/core/src/backups/tar-header.ts';
import { systemClock } from '../../packages/core/src/base/clock.ts';
import { Failure, toFailure } from '../../packages/core/src/base/failure.ts';
import { extractBackup } from '../../packages/core/src/restore/extract/extract-backup.ts';
import { readIdentity } from '../../packages/core/src/wal/cluster-identity.ts';
import { tryParseLsn } from '../../packages/core/src/wal/lsn.ts';
import { parsePageHeader } from '../../packages/core/src/wal/page-header.ts';
import { timelineFromNumber } from '../../packages/core/src/wal/timeline-id.ts';
import { peakBytesOf } from './peak-memory.ts';
import { User } from './user.ts';

const [directory = '', target = '', ...places] = process.argv.slice(2);
const pieceBytes = 2 * 2 ** 20;

const source: BackupSource = {
  host: 'here',
  backup: 'data.master.1',
  async *read(file, signal) {
    const handle = await open(join(directory, file));
    const buffer = Buffer.allocUnsafe(pieceBytes);
    try {
      for (;;) {
        signal.throwIfAborted();
        const { bytesRead } = await handle.read(buffer, 0, pieceBytes, null);
        if (bytesRead === 0) return;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await handle.close();
    }
  },
};

const manifest = readFileSync(join(directory, 'backup_manifest'));
/** pg_wal.tar's first member is a segment. */
const identity = readIdentity(parsePageHeader(readFileSync(join(directory, 'pg_wal.tar')).subarray(tarBlockBytes)));
const startLsn = tryParseLsn(/"Start-LSN": "([^"]+)"/.exec(manifest.toString())?.[1] ?? '');
const timeline = timelineFromNumber(1);
if (startLsn === undefined || timeline === undefined)
  throw new Error('the manifest does not say where the backup starts');

/** base-backup keeps it beside the tars. */
const control = existsSync(join(directory, 'global/pg_control')) ? ['global/pg_control'] : [];

const backup: SurveyedBackup = {
  name: source.backup,
  number: 1,
  state: 'complete',
  start: { timeline, lsn: startLsn },
  stop: undefined,
  startedMs: 0,
  endedMs: undefined,
  sizeBytes: undefined,
  sourceBytes: undefined,
  fileCount: undefined,
  serverVersion: undefined,
  manifestSha256: createHash('sha256')
    .update(readFileSync(join(directory, 'backup_manifest')))
    .digest('hex'),
  parent: undefined,
  problem: undefined,
  files: [...readdirSync(directory).filter((name) => name !== 'global'), ...control].map((name) => ({
    name,
    sizeBytes: statSync(join(directory, name)).size,
  })),
};

const stop = new AbortController();
process.on('SIGTERM', () => stop.abort(new Failure('interrupted', 'SIGTERM')));

try {
  const { uid, gid } = new User('postgres');
  const result = await extractBackup({
    copies: [{ source, backup }],
    cluster: 'main',
    identity,
    planId: 'plan',
    target,
    tablespaces: new Map(places.map((place) => place.split('=') as [string, string])),
    owner: process.getuid?.() === 0 ? { uid, gid } : undefined,
    checkPageChecksums: process.env['PAGES'] === 'yes',
    signal: stop.signal,
    clock: systemClock,
    onProgress: ({ contentBytes }) => {
      console.log(contentBytes);
    },
  });
  console.log(JSON.stringify({ ...result, manifest: undefined, peakBytes: peakBytesOf(process.pid) }));
} catch (error) {
  const { code, message, hint, exit } = toFailure(error);
  console.error(JSON.stringify({ code, message, hint }));
  process.exitCode = exit;
}
