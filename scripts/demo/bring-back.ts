import { PostgresCluster } from '../../test/support/postgres-cluster.ts';
import { BIN_DIRECTORY } from '../../test/support/repository.ts';
import { count, type Narrator, seconds } from './narrator.ts';
import type { Scene } from './scene.ts';

const ORDERS = 1000;
const RESCUE_PORT = 5499;
const NOW = "to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00')";

/** A table is dropped, and brought back to one second before; then a drill. Prints a check for each. True when all hold. */
export async function bringBack(scene: Scene, say: Narrator): Promise<boolean> {
  await backUp(scene, say);
  const moment = await dropTable(scene, say);
  const rescued = await rescue(scene, moment, say);
  const isBack = rescued === `${ORDERS}`;
  say.check(isBack, `the table is back on the primary: ${count(Number(rescued), 'row')} of ${ORDERS}`);
  const isProved = await drill(scene, say);
  return isBack && isProved;
}

async function backUp({ archive, primary }: Scene, say: Narrator): Promise<void> {
  say.step('arch1 takes a base backup');
  const server = ['--pghost', primary.machine.address, '--pgport', `${primary.port}`, '--pguser', 'postgres'];
  const startedMs = performance.now();
  const words = [`/archive/${archive.cluster}`, '3', 'arch2', '--remote-cmd', `${BIN_DIRECTORY}/archive_remote_cmd`];
  const said = await archive.arch1.machine.check([`${BIN_DIRECTORY}/base-backup`, ...words, ...server], {
    timeoutMs: 120_000,
  });
  say.note(`${said.trim()} (${seconds(performance.now() - startedMs)})`);
}

/** Returns the moment one second before the drop. */
async function dropTable({ primary, ledger }: Scene, say: Narrator): Promise<string> {
  say.step('Somebody drops a table');
  await primary.sql(`CREATE TABLE orders AS SELECT n AS number FROM generate_series(1, ${ORDERS}) n`);
  await primary.sql('SELECT pg_sleep(1.5)');
  const dropped = await primary.value(`SELECT ${NOW}`);
  const before = await primary.value(
    `SELECT to_char(('${dropped}'::timestamptz - interval '1 second') AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00')`,
  );
  await primary.sql('DROP TABLE orders');
  await ledger.append();
  await primary.waitForArchived(await primary.switchWal());
  say.note(`DROP TABLE orders at ${dropped}; the application goes on.`);
  return before;
}

/** Returns how many rows the primary's table has again. */
async function rescue({ archive, primary, standby }: Scene, moment: string, say: Narrator): Promise<string> {
  say.step('backup-restore: a copy beside it, as it was one second before');
  const { machine } = standby;
  const copy = PostgresCluster.adopt(machine, { name: 'rescue', port: RESCUE_PORT });
  const place = [
    '--cluster',
    archive.cluster,
    '--cluster-dir',
    `/archive/${archive.cluster}`,
    '--hosts',
    'arch1 arch2',
  ];
  const server = ['--set', `port=${RESCUE_PORT}`, '--set', 'listen_addresses=', '--start', '--yes'];
  const words = [...place, '--to', copy.dataDirectory, '--target-time', moment, '--action', 'promote', ...server];
  const remote = ['--remote-cmd', `${BIN_DIRECTORY}/archive_remote_cmd`];
  const said = await machine.check([`${BIN_DIRECTORY}/backup-restore`, ...words, ...remote], { timeoutMs: 120_000 });
  const wanted = /^ {2}(together|up to|backup|WAL|restored|reached|stopped|took) /;
  say.quote(
    `backup-restore --to ${copy.dataDirectory} --target-time "${moment}" --action promote --start`,
    said.split('\n').filter((line) => wanted.test(line)),
  );
  const from = `-h /run/postgresql -p ${RESCUE_PORT} -d postgres`;
  const to = `-h ${primary.machine.address} -p ${primary.port} -d postgres`;
  await machine.check(['sh', '-c', `pg_dump ${from} -t orders | psql -q ${to}`]);
  say.note('pg_dump from the copy, psql into the primary, which has not stopped for a moment.');
  await copy.stop('immediate');
  return await primary.value('SELECT count(*) FROM orders');
}

async function drill({ archive }: Scene, say: Narrator): Promise<boolean> {
  say.step('backup-verify: a drill proves the backup, and that the data is fresh');
  const place = ['--cluster', archive.cluster, '--cluster-dir', `/archive/${archive.cluster}`, '--hosts=- arch2'];
  const remote = ['--remote-cmd', `${BIN_DIRECTORY}/archive_remote_cmd`];
  const checks = ['--check', 'SELECT count(*) > 0 FROM ledger'];
  const { status, stdout, stderr } = await archive.arch1.machine.run(
    [`${BIN_DIRECTORY}/backup-verify`, ...place, ...remote, ...checks],
    { timeoutMs: 120_000 },
  );
  const lines = (status === 0 ? stdout : stdout + stderr).trimEnd().split('\n');
  say.quote('backup-verify --check "SELECT count(*) > 0 FROM ledger"', lines);
  say.check(status === 0, `the drill ended with ${status}`);
  return status === 0;
}
