import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '@archive2/core/base/failure.ts';
import { findServerPrograms } from '@archive2/core/postgres/find-server-programs.ts';
import { parseControlFile } from '@archive2/core/restore/extract/control-file.ts';
import { extractBackup } from '@archive2/core/restore/extract/extract-backup.ts';
import type { ExtractedBackup } from '@archive2/core/restore/extract/extraction.ts';
import { removeRestoreMarker } from '@archive2/core/restore/extract/restore-marker.ts';
import type { ServerDoor } from '@archive2/core/restore/server/ask-replay.ts';
import { type ControlData, readControlData } from '@archive2/core/restore/server/control-data.ts';
import {
  drillConfig,
  drillPort,
  drillSharedBuffers,
  drillWalSegments,
} from '@archive2/core/restore/server/drill-config.ts';
import type { WalSource } from '@archive2/core/restore/server/restore-command.ts';
import { restoreProgram } from '@archive2/core/restore/server/restore-program.ts';
import { type StartedServer, startServer } from '@archive2/core/restore/server/start-server.ts';
import { type ReplayEnd, watchReplay } from '@archive2/core/restore/server/watch-replay.ts';
import { writeDrillConfig } from '@archive2/core/restore/server/write-recovery.ts';
import { bytesByTar, checkSpace, spaceNeeds } from '@archive2/core/restore/space-needed.ts';
import type { DrillOrder } from '../drill-order.ts';
import type { DrillWorld } from '../drill-world.ts';
import type { Scratch } from '../scratch/scratch.ts';
import type { DrillPlan } from './plan-drill.ts';

/** An extracted backup, ready to be started. */
export interface PreparedServer {
  readonly extracted: ExtractedBackup;
  readonly control: ControlData;
  readonly programs: string;
  /** Of pg_control: how many pages one file of a relation has. */
  readonly segmentBlocks: number;
  readonly configFile: string;
  readonly door: ServerDoor;
}

/** Without a call for so long the agent of a drill that was killed ends. */
const agentIdleSeconds = 60;
/** restore_cmd asks a host that does not answer again for so long. */
const unavailableTimeoutSeconds = 60;

/** Throws Failure `restore_refused` when the scratch's disk has too little room for the backup. */
export async function checkRoom({ chosen, identity }: DrillPlan, scratch: Scratch): Promise<void> {
  const byTar = bytesByTar(chosen.backup, identity.segmentSize);
  if (byTar === undefined) return;
  const bytes = [...byTar.values()].reduce((sum, it) => sum + it, 0);
  const walBytes = (drillWalSegments + prefetchSegments) * identity.segmentSize;
  checkSpace(await spaceNeeds(new Map([[scratch.directory, bytes + walBytes]])));
}

/** Extracts the backup, comparing it with its manifest and its page checksums, and writes the drill's configuration. */
export async function prepareServer(
  plan: DrillPlan,
  order: DrillOrder,
  scratch: Scratch,
  world: DrillWorld,
): Promise<PreparedServer> {
  const { chosen, identity } = plan;
  const { backup } = chosen;
  // Before the long work.
  if (backup.serverVersion !== undefined) await findPrograms(Math.floor(backup.serverVersion / 10_000), order, world);
  const extracted = await extractBackup({
    copies: [{ source: chosen.place.backup(backup.name), backup }],
    cluster: order.archive.cluster,
    identity,
    planId: 'drill',
    target: scratch.dataDirectory,
    tablespaces: spacesOf(plan, scratch),
    owner: undefined,
    checkPageChecksums: true,
    signal: world.signal,
    clock: world.clock,
    onProgress: ({ storedBytes, totalStoredBytes }) =>
      world.onProgress({ doneBytes: storedBytes, totalBytes: totalStoredBytes }),
  });
  await removeRestoreMarker(scratch.dataDirectory);
  const major = Number((await readFile(join(scratch.dataDirectory, 'PG_VERSION'), 'utf8')).trim());
  const programs = await findPrograms(major, order, world);
  const control = await readControlData(programs, scratch.dataDirectory);
  const { segmentBlocks } = parseControlFile(await readFile(join(scratch.dataDirectory, 'global/pg_control')));
  const files = drillConfig({
    source: walSourceOf(plan, order, scratch),
    target: plan.target,
    timeline: plan.expected.timeline,
    control,
    major,
    socketDirectory: scratch.socketDirectory,
    directory: scratch.configDirectory,
    sharedBuffersBytes: drillSharedBuffers(order.memoryBytes),
    segmentSize: identity.segmentSize,
    more: order.settings,
  });
  await writeDrillConfig(scratch.dataDirectory, scratch.configDirectory, files, world.clock.nowMs());
  const door = { socketDirectory: scratch.socketDirectory, port: drillPort, user: order.databaseUser };
  const configFile = join(scratch.configDirectory, 'postgresql.conf');
  return { extracted, control, programs, segmentBlocks, configFile, door };
}

/** Starts the server. It ends with us. */
export async function startDrill(
  { programs, configFile }: PreparedServer,
  scratch: Scratch,
  { environment, clock }: DrillWorld,
): Promise<StartedServer> {
  const { dataDirectory, logFile } = scratch;
  const settings = { config_file: configFile };
  return await startServer({ programs, dataDirectory, logFile, settings, environment, endsWithUs: true }, clock);
}

/** Follows it until its recovery has ended. Throws Failure `restore_failed` that says why it does not. */
export async function followDrill(
  server: StartedServer,
  { identity, target, expected }: DrillPlan,
  { stallLimitMs }: DrillOrder,
  { signal, clock, onPhase }: DrillWorld,
): Promise<ReplayEnd> {
  const end = await watchReplay({
    server,
    segmentSize: identity.segmentSize,
    door: undefined,
    mode: 'recovery',
    towards: target.kind === 'lsn' ? target.lsn : expected.reach.end,
    stallLimitMs,
    onProgress: ({ segments }) => onPhase(`replaying, ${segments} files so far`),
    signal,
    clock,
  });
  if (end.how === 'open') return end;
  throw new Failure('restore_failed', `the recovery ended, and the server is not open but ${end.how}`);
}

async function findPrograms(major: number, { binDirectory }: DrillOrder, { environment }: DrillWorld): Promise<string> {
  return await findServerPrograms(major, binDirectory, environment);
}

function spacesOf({ chosen }: DrillPlan, scratch: Scratch): Map<string, string> {
  const oids = chosen.backup.files.flatMap(({ name }) => /^(\d+)\.tar(\.\w+)?$/.exec(name)?.[1] ?? []);
  return new Map(oids.map((oid) => [oid, scratch.spaceDirectory(oid)]));
}

const prefetchSegments = 16;

/** Only the hosts that answered are asked: what another one may have besides is not proved, and the report says so. */
function walSourceOf({ hosts, identity }: DrillPlan, { archive }: DrillOrder, scratch: Scratch): WalSource {
  const { directory, archives, cluster, remoteProgram } = archive;
  const answered = new Set(hosts.map(({ place }) => place.name));
  return {
    program: restoreProgram(process.execPath),
    hosts: archives.flatMap((it) => (it.kind === 'host' && answered.has(it.name) ? [it.spec.text] : [])),
    walDirectory: directory.walDirectory,
    cluster,
    localDirectory: hosts.some(({ place }) => place.isLocal) ? directory.walDirectory : undefined,
    unavailableTimeoutSeconds,
    prefetchBytes: prefetchSegments * identity.segmentSize,
    remoteProgram: remoteProgram === 'archive_remote_cmd' ? undefined : remoteProgram,
    agent: { stateDirectory: scratch.agentDirectory, idleSeconds: agentIdleSeconds },
  };
}
