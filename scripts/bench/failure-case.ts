import { ArchiveStand } from '../../test/support/archive-stand.ts';
import { FaultProxy } from '../../test/support/fault-proxy.ts';
import { trust } from '../../test/support/keys.ts';
import { inTurn } from './in-turn.ts';
import { farName, PgBackRest, TLS_PORT } from './pgbackrest.ts';
import { type Pusher, PushStand } from './push-stand.ts';
import { barRow, type CaseResult, median, type Row } from './summary.ts';

const segments = 60;
/** As for a backlog: the agent's code is compiled meanwhile. */
const warmUpSegments = 90;
const farSegments = 20;
const farRounds = 4;
const deadRounds = 10;
/** The connect and the stall timeout are 3 s each. */
const firstFileBarMs = 4000;
const farBitsPerSecond = 100e6;
const farRoundTripMs = 20;

/** Archiving while a host is dead, at the moment in which it dies, and over a far link. */
export async function measureFailure(): Promise<CaseResult> {
  const near = await measureDeadHost();
  const far = await measureFarLink();
  return { rows: [...near, ...far] };
}

async function measureDeadHost(): Promise<Row[]> {
  await using stand = await ArchiveStand.create();
  // arch2 alone, as a site with one host has it: without a peer.
  const { primary, arch1, arch2 } = stand;
  await trust(primary, arch2, { as: 'alone', identity: 'id_alone', forcedCommand: stand.serveCommand('put') });
  const bench = await PushStand.create(stand, segments + warmUpSegments);
  const [both, alone] = [bench.ours(), bench.ours('alone')];
  const frozen = await firstAfterFailure(bench, both, async () => {
    arch1.machine.freeze();
    return async () => arch1.machine.thaw();
  });
  const cut = await firstAfterFailure(bench, both, async () => {
    await primary.cut(arch1.machine);
    return async () => primary.heal(arch1.machine);
  });
  await bench.resetOurs();
  await arch1.machine.kill9();
  const measured = await inTurn([both, alone], deadRounds, async (pusher, round) => {
    const { steadyRate } = await bench.backlog(pusher, segments, warmUpSegments);
    console.error(`dead host, round ${round}, ${pusher === both ? 'both' : 'alone'}: ${steadyRate.toFixed(1)}/s`);
    return steadyRate;
  });
  const rates = { both: measured.get(both) ?? [], alone: measured.get(alone) ?? [] };
  const ratio = median(rates.both.map((rate, round) => rate / (rates.alone[round] ?? Number.NaN)));
  return [
    ['first file after a host hangs', `${frozen.toFixed(0)} ms`],
    ['first file after the cable to a host is cut', `${cut.toFixed(0)} ms`],
    barRow('  the later of them, in seconds', { ratio: Math.max(frozen, cut) / 1000, atMost: firstFileBarMs / 1000 }),
    ['steady rate with a dead host, two configured', `${median(rates.both).toFixed(1)}/s`],
    ['steady rate with the other host alone configured', `${median(rates.alone).toFixed(1)}/s`],
    barRow('  beside one host configured, neighbouring runs', { ratio, atLeast: 0.9 }),
  ];
}

/** Milliseconds for one file when the host that was used has just begun to fail. */
async function firstAfterFailure(
  bench: PushStand,
  pusher: Pusher,
  fail: () => Promise<() => Promise<void>>,
): Promise<number> {
  await bench.singles(pusher, 3);
  const mend = await fail();
  const ms = await bench.single(bench.segments[10] ?? '');
  await mend();
  console.error(`first file after a failure: ${ms.toFixed(0)} ms`);
  return ms;
}

async function measureFarLink(): Promise<Row[]> {
  await using stand = await ArchiveStand.create();
  const bench = await PushStand.create(stand, farSegments);
  const farPorts = new Map<string, number>();
  for (const host of stand.hosts) {
    const as = farName(host);
    const forcedCommand = stand.serveCommand('put', host === stand.arch1 ? 'arch2' : 'arch1');
    const ssh = await FaultProxy.open(stand.stand, host.machine, host.port);
    await ssh.trust(stand.primary, host, { as, forcedCommand, identity: 'id_far' });
    const tls = await FaultProxy.open(stand.stand, host.machine, TLS_PORT);
    stand.primary.addHostName(as, tls.address);
    farPorts.set(as, tls.port);
    for (const proxy of [ssh, tls]) await proxy.set({ delayMs: farRoundTripMs / 2 });
  }
  const peer = await PgBackRest.create(stand, bench.primary, farPorts);
  await stand.primary.limitRate(farBitsPerSecond);
  const far = `a link of ${farBitsPerSecond / 1e6} Mbit/s and ${farRoundTripMs} ms`;
  const rows: Row[] = [];
  const pushers = [bench.ours(stand.hosts.map(farName).join(' ')), peer.pusher('tls-far', 'pgBackRest, TLS')];
  const rates = await inTurn(pushers, farRounds, async (pusher, round) => {
    const { seconds } = await bench.backlog(pusher, farSegments);
    console.error(`far link, round ${round}, ${pusher.label}: ${seconds.toFixed(2)} s`);
    return farSegments / seconds;
  });
  for (const [{ label }, of] of rates) rows.push([`backlog over ${far}: ${label}`, `${median(of).toFixed(1)}/s`]);
  return rows;
}
