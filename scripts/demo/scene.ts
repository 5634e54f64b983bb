import { readdirSync, readFileSync } from 'node:fs';
import type { ArchiveHost } from '../../test/support/archive-host.ts';
import type { ArchiveStand } from '../../test/support/archive-stand.ts';
import type { Ledger } from '../../test/support/ledger.ts';
import { PostgresCluster } from '../../test/support/postgres-cluster.ts';

export const SEGMENT_MB = 1;

/** Seconds in which a host that failed is not tried first: short, so that the show goes on. */
const COOLDOWN_SECONDS = 15;

/** The actors of the demo: a primary that archives to two hosts, and a standby that knows nothing but the archive. */
export interface Scene {
  archive: ArchiveStand;
  primary: PostgresCluster;
  standby: PostgresCluster;
  /** The first one that PostgreSQL archives; initdb's own are not. */
  firstSegment: string;
  /** What clients were told is committed, written down outside PostgreSQL. */
  ledger: Ledger;
}

/** Starts a primary that archives every finished segment. */
export async function startPrimary(archive: ArchiveStand): Promise<PostgresCluster> {
  const command = archive.archiveCommand('--cooldown-time', `${COOLDOWN_SECONDS}`);
  const primary = await PostgresCluster.init(archive.primary, {
    walSegmentSizeMb: SEGMENT_MB,
    settings: { archive_command: command, shared_buffers: '64MB' },
  });
  await primary.start();
  return primary;
}

/** Starts a standby from a base backup; restore_command is its only source of WAL. */
export async function startStandby(archive: ArchiveStand, primary: PostgresCluster): Promise<PostgresCluster> {
  const machine = await archive.stand.machine('standby');
  await archive.admit(machine, 'get');
  const standby = await PostgresCluster.fromBackup(machine, await primary.backup(), {
    standby: true,
    restoreCommand: archive.restoreCommand(),
    settings: { wal_retrieve_retry_interval: '500ms' },
  });
  await standby.start();
  return standby;
}

/** The names that `host` still owes `peer`. */
export function debtsOf(archive: ArchiveStand, host: ArchiveHost, peer: ArchiveHost): string[] {
  return host.files(`/archive/${archive.cluster}/debts/${peer.machine.name}`);
}

/** How many files PostgreSQL has not seen archived yet. */
export function filesToArchive({ archive, primary }: Scene): number {
  const status = archive.primary.path(`${primary.dataDirectory}/pg_wal/archive_status`);
  return readdirSync(status).filter((name) => name.endsWith('.ready')).length;
}

/** The archive files that a host has. */
export function archivedNames(archive: ArchiveStand, host: ArchiveHost): string[] {
  return host.files(archive.walDirectory);
}

/** True when archive_cmd has found a host well again after a failure, and tries it in its own place. */
export function hasItsPlace(archive: ArchiveStand, host: ArchiveHost): boolean {
  const failures = archive.primary.path('/var/lib/archive2/postgres/cooldown.json');
  return !readFileSync(failures, 'utf8').includes(`"${host.machine.name}"`);
}

/** How far the standby has come, in MB of WAL since the cluster's beginning. */
export async function replayedMb({ standby }: Scene): Promise<number> {
  return Number(await standby.value("SELECT round(pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0') / 1024 / 1024)"));
}

export async function switchOn(host: ArchiveHost): Promise<void> {
  await host.machine.boot();
  await host.startSshd();
}

/** The agent that ships for the primary, as seen from outside; undefined while there is none. */
export function agentPid(archive: ArchiveStand): number | undefined {
  return archive.primary.processes(/archive_cmd agent run/)[0]?.pid;
}
