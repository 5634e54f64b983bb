import { readdirSync, utimesSync } from 'node:fs';
import type { ArchiveHost } from '../../test/support/archive-host.ts';
import { ArchiveStand } from '../../test/support/archive-stand.ts';
import { cleanUp } from '../../test/support/kept-backup.ts';
import { segmentName } from '../../test/support/wal-file.ts';
import { barRow, type CaseResult } from './summary.ts';

const files = 100_000;
const removed = 50_000;
const clusterDirectory = '/archive/main';
const dayMs = 24 * 3600 * 1000;

/** wal-cleanup of archives with 100,000 files on each host, half of which go. */
export async function measureCleanup(): Promise<CaseResult> {
  await using stand = await ArchiveStand.create();
  for (const host of stand.hosts) fill(stand, host);
  const planned = await measure(stand, '--dry-run');
  const done = await measure(stand);
  for (const host of stand.hosts) {
    const left = readdirSync(host.machine.path(stand.walDirectory)).length;
    if (left !== files - removed) throw new Error(`${left} files are left on ${host.machine.name}`);
  }
  const again = await measure(stand);
  return {
    rows: [
      [`wal-cleanup, ${removed} of ${files} files, on one host and then the other`, `${done.toFixed(2)} s`],
      barRow('  for one host, in seconds', { ratio: done / 2, atMost: 30 }),
      ['  the plan of both (--dry-run)', `${planned.toFixed(2)} s`],
      [`  nothing to remove of ${files - removed} files`, `${again.toFixed(2)} s`],
    ],
  };
}

async function measure(stand: ArchiveStand, ...flags: string[]): Promise<number> {
  const begunMs = performance.now();
  const { status, stderr } = await cleanUp(stand.arch1, ['--cluster-dir', clusterDirectory, 'arch2', ...flags]);
  if (status !== 0) throw new Error(`wal-cleanup ended with ${status}: ${stderr}`);
  return (performance.now() - begunMs) / 1000;
}

/** Names, sizes and times are all that a cleanup looks at. */
function fill(stand: ArchiveStand, { machine }: ArchiveHost): void {
  const identity = { format: 1, cluster: 'main', systemIdentifier: '7600000000000000001', segmentSizeBytes: 1024 ** 2 };
  machine.writeFile(`${clusterDirectory}/cluster.json`, JSON.stringify(identity));
  const content = Buffer.alloc(4096, 1);
  const seconds = (Date.now() - dayMs) / 1000;
  for (let number = 1; number <= files; number += 1) {
    const path = `${stand.walDirectory}/${segmentName({ number })}`;
    machine.writeFile(path, content);
    utimesSync(machine.path(path), seconds, seconds);
  }
  const first = removed + 1;
  const lsn = `${(first >> 12).toString(16).toUpperCase()}/${((first & 0xfff) * 2 ** 20 + 0x28).toString(16).toUpperCase()}`;
  const label = `START WAL LOCATION: ${lsn} (file ${segmentName({ number: first })})\nCHECKPOINT LOCATION: ${lsn}\n`;
  machine.makeDirectory(`${clusterDirectory}/data.master.1`, 0o700);
  machine.writeFile(`${clusterDirectory}/data.master.1/backup_label`, label);
  machine.writeFile(`${clusterDirectory}/data.master.1/SUCCESS`, '');
}
