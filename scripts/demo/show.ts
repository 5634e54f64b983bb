import type { ArchiveHost } from '../../test/support/archive-host.ts';
import type { ArchiveStand } from '../../test/support/archive-stand.ts';
import { Ledger } from '../../test/support/ledger.ts';
import { type Load, startPgbench } from '../../test/support/load.ts';
import type { PostgresCluster } from '../../test/support/postgres-cluster.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { ArchivingWatch } from './archiving-watch.ts';
import { count, type Narrator, seconds } from './narrator.ts';
import {
  agentPid,
  debtsOf,
  hasItsPlace,
  replayedMb,
  type Scene,
  SEGMENT_MB,
  startPrimary,
  startStandby,
  switchOn,
} from './scene.ts';

/** Clients of pgbench; with the ledger's rows this makes a few segments a second on a small computer. */
const CLIENTS = 4;
const ROW_BYTES = 8 * 1024;

/** What is left when all is over. */
export interface Outcome {
  scene: Scene;
  /** What pgbench has committed, see {@link pgbenchTotals}. */
  totals: string;
  /** The last segment that was switched, which is archived, and the position before its end. */
  lastSegment: string;
  lastLsn: string;
}

interface UnderLoad {
  scene: Scene;
  watch: ArchivingWatch;
  pgbench: Load;
  rows: { stop: () => Promise<number> };
}

/** Everything that the audience sees but the checks. @throws Error naming what was awaited in vain. */
export async function show(archive: ArchiveStand, say: Narrator): Promise<Outcome> {
  const underLoad = await beginLoad(await setUp(archive, say), say);
  await loseFirstHost(underLoad, say);
  await killAgent(underLoad, say);
  await loseSecondHost(underLoad, say);
  const end = await endLoad(underLoad, say);
  await payWithoutPrimary(underLoad, say);
  await catchUp(underLoad.scene, end.lastLsn, say);
  return { scene: underLoad.scene, ...end };
}

/** Transactions, the sum of their amounts, and the sum of all balances, as "count|sum|sum". */
export async function pgbenchTotals(cluster: PostgresCluster): Promise<string> {
  const balances = '(SELECT sum(abalance) FROM pgbench_accounts)';
  return await cluster.value(`SELECT count(*), sum(delta), ${balances} FROM pgbench_history`);
}

async function setUp(archive: ArchiveStand, say: Narrator): Promise<Scene> {
  say.step('The primary starts to archive, a standby starts to restore');
  const primary = await startPrimary(archive);
  const firstSegment = await primary.value('SELECT pg_walfile_name(pg_current_wal_insert_lsn())');
  const ledger = await Ledger.create(primary);
  const standby = await startStandby(archive, primary);
  say.note(`archive_command = '${archiveCommandForReading(await primary.value('SHOW archive_command'))}'`);
  say.note('The standby has no connection to the primary: restore_command is its only source of WAL.');
  return { archive, primary, standby, firstSegment, ledger };
}

async function beginLoad(scene: Scene, say: Narrator): Promise<UnderLoad> {
  const { primary, ledger } = scene;
  say.step(`Load: pgbench with ${CLIENTS} clients, and a ledger that notes every commit outside PostgreSQL`);
  const pgbench = await startPgbench(primary, { clients: CLIENTS });
  const rows = ledger.run({ paddingBytes: ROW_BYTES });
  const watch = new ArchivingWatch(primary);
  // The first answer is the count until now.
  await watch.more(1);
  const [startedMs, before] = [performance.now(), watch.archived];
  await watch.more(40, 60_000);
  const perSecond = ((watch.archived - before) / (performance.now() - startedMs)) * 1000;
  say.note(
    `${watch.archived} files archived, ${perSecond.toFixed(1)} segments (MB of WAL) a second, on both hosts each.`,
  );
  return { scene, watch, pgbench, rows };
}

async function loseFirstHost({ scene, watch }: UnderLoad, say: Narrator): Promise<void> {
  const { archive } = scene;
  const { arch1, arch2 } = archive;
  say.step('arch1, the preferred host, loses its power in mid-load');
  const replayedBefore = await replayedMb(scene);
  const killedMs = performance.now();
  await arch1.machine.kill9();
  await watch.more(40);
  say.note(`archive_command went on to arch2: the longest pause was ${seconds(watch.longestPauseMs(killedMs))}.`);
  say.note(
    `arch2 owes arch1 ${count(debtsOf(archive, arch2, arch1).length, 'copy', 'copies')} now, written down durably.`,
  );
  say.note(`The standby went on too: ${(await replayedMb(scene)) - replayedBefore} MB restored from arch2 meanwhile.`);

  say.step('arch1 comes back');
  await switchOn(arch1);
  await payment(archive, arch2, arch1, say);
  const what = 'archive_cmd to try arch1 first again';
  await waitFor(() => hasItsPlace(archive, arch1), { what, timeoutMs: 40_000 });
  say.note('Its cooldown is over: it is the preferred host again.');
}

async function killAgent({ scene, watch }: UnderLoad, say: Narrator): Promise<void> {
  const { archive } = scene;
  say.step('The agent behind archive_cmd is killed with SIGKILL');
  const pid = await waitFor(() => agentPid(archive), { what: 'an agent on the primary' });
  const killedMs = performance.now();
  process.kill(pid, 'SIGKILL');
  const what = 'archive_cmd to start another agent';
  await waitFor(() => ![undefined, pid].includes(agentPid(archive)), { what });
  await watch.more(20);
  const pause = seconds(watch.longestPauseMs(killedMs));
  say.note(
    `The next archive_cmd started another one: the longest pause was ${pause}. What was under way is sent again.`,
  );
}

async function loseSecondHost({ scene, watch }: UnderLoad, say: Narrator): Promise<void> {
  const { archive } = scene;
  const { arch1, arch2 } = archive;
  say.step('arch2 is away for a while');
  const killedMs = performance.now();
  await arch2.machine.kill9();
  const what = 'arch1 to owe arch2 40 segments';
  await waitFor(() => debtsOf(archive, arch1, arch2).length >= 40, { what, timeoutMs: 40_000 });
  await watch.more(1);
  say.note(
    `The longest pause was ${seconds(watch.longestPauseMs(killedMs))}; PostgreSQL does not wait for a host that is away.`,
  );
}

async function endLoad({ scene, watch, pgbench, rows }: UnderLoad, say: Narrator): Promise<Omit<Outcome, 'scene'>> {
  const { primary } = scene;
  say.step('The load ends');
  await pgbench.stop();
  const committed = await rows.stop();
  // A backend whose client is gone may still commit, and fill the segment.
  await primary.pollUntil("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgbench'", '0');
  // Before the last segment, because with data checksums even reading can write WAL (hint bits).
  const totals = await pgbenchTotals(primary);
  const lastLsn = await primary.value('SELECT pg_current_wal_insert_lsn()');
  const lastSegment = await primary.value('SELECT pg_walfile_name(pg_switch_wal())');
  await primary.waitForArchived(lastSegment, 60_000);
  say.note(`${totals.split('|')[0]} transactions of pgbench and ${count(committed, 'ledger row')} are committed.`);
  say.note(`The last segment is archived, on arch1 alone: ${lastSegment}, ${watch.archived} MB in all.`);
  return { totals, lastSegment, lastLsn };
}

/** The primary cannot have asked for anything: none of its processes runs. */
async function payWithoutPrimary({ scene: { archive }, watch }: UnderLoad, say: Narrator): Promise<void> {
  const { arch1, arch2 } = archive;
  say.step('arch2 comes back while every process of the primary is stopped');
  await watch.stop();
  archive.primary.freeze();
  try {
    await switchOn(arch2);
    await payment(archive, arch1, arch2, say);
  } finally {
    archive.primary.thaw();
  }
  say.note('Nobody called: arch1 did it on its own.');
}

async function catchUp(scene: Scene, lastLsn: string, say: Narrator): Promise<void> {
  say.step('The standby restores the rest');
  const [startedMs, beforeMb] = [performance.now(), await replayedMb(scene)];
  await scene.standby.pollUntil(`SELECT pg_last_wal_replay_lsn() >= '${lastLsn}'`, 't', 120_000);
  const took = seconds(performance.now() - startedMs);
  say.note(`${(await replayedMb(scene)) - beforeMb} MB in ${took}; it is level with the primary.`);
}

/** Waits until everything is paid that is owed now. */
async function payment(archive: ArchiveStand, host: ArchiveHost, peer: ArchiveHost, say: Narrator): Promise<void> {
  const owed = debtsOf(archive, host, peer);
  const [from, to] = [host.machine.name, peer.machine.name];
  const startedMs = performance.now();
  const isPaid = () => {
    const left = new Set(debtsOf(archive, host, peer));
    return !owed.some((name) => left.has(name));
  };
  await waitFor(isPaid, { what: `${from} to pay ${to} ${count(owed.length, 'debt')}`, timeoutMs: 60_000 });
  const took = performance.now() - startedMs;
  say.note(`${from} paid ${to} ${count(owed.length, 'debt')} (${owed.length * SEGMENT_MB} MB) in ${seconds(took)}.`);
}

function archiveCommandForReading(command: string): string {
  return command.replace(/^\S*\//, '');
}
