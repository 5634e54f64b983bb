import { type Conninfo, formatConninfo } from './conninfo.ts';

/**
 * Who compresses base.tar: the server (PostgreSQL 15 and later), pg_basebackup (15 and later, which also takes backups of older
 * servers), or we, from a plain tar.
 */
export type CompressionPlace = 'server' | 'client' | 'local';

/** Where it is done best with these versions. The server has the most to gain: less goes over the network. Pure. */
export function chooseCompressionPlace(serverMajor: number, programMajor: number): CompressionPlace {
  if (programMajor < 15) return 'local';
  return serverMajor >= 15 ? 'server' : 'client';
}

export interface BaseBackupArguments {
  /** Of one server, without secrets. */
  conninfo: Conninfo;
  directory: string;
  /** Of the server. */
  major: number;
  label: string;
  compression: CompressionPlace;
  compressionLevel: number;
  /** Threads that compress; 0: the one that reads. */
  compressionWorkers: number;
  checksums: string;
  checkpoint: 'fast' | 'spread';
  /** As pg_basebackup takes it: "100M". */
  maxRate: string | undefined;
}

/**
 * The arguments of pg_basebackup for a backup in tar format with its WAL. Never the plain format: a server that is not trusted could
 * write outside of the directory (CVE-2026-6475).
 */
export function baseBackupArguments(wanted: BaseBackupArguments): string[] {
  const { conninfo, directory, major, label, compression, checkpoint, maxRate } = wanted;
  const { compressionLevel, compressionWorkers } = wanted;
  const workers = compressionWorkers > 0 ? `,workers=${compressionWorkers}` : '';
  return [
    `--pgdata=${directory}`,
    '--format=tar',
    '--wal-method=stream',
    `--checkpoint=${checkpoint}`,
    `--label=${label}`,
    ...(compression === 'local' ? [] : [`--compress=${compression}-zstd:level=${compressionLevel}${workers}`]),
    // PostgreSQL 12 has no manifest.
    ...(major >= 13 ? [`--manifest-checksums=${wanted.checksums}`] : []),
    ...(maxRate === undefined ? [] : [`--max-rate=${maxRate}`]),
    // We sync what it wrote, and remove what it left: one place for each.
    '--no-sync',
    '--no-clean',
    '--no-password',
    '--verbose',
    `--dbname=${formatConninfo(conninfo)}`,
  ];
}
