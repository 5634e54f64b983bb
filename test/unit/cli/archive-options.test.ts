import { hostname } from 'node:os';
import { describe, expect, test } from 'vitest';
import { createClusterRecord } from '../../../packages/core/src/archive/identity.ts';
import { systemClock } from '../../../packages/core/src/base/clock.ts';
import { silentLog } from '../../../packages/core/src/base/log.ts';
import { openArchivePlaces, readArchiveOptions } from '../../../packages/core/src/cli/archive-options.ts';
import { clusterDirectory } from '../archive/test-store.ts';
import { identity } from '../backups/backup-files.ts';
import { failureFrom } from '../base/expect-failure.ts';

const defaults = { 'connect-timeout': '3', 'stall-timeout': '10', 'remote-cmd': 'archive_remote_cmd' };

/** The names of the places that these options mean. */
async function places(options: Record<string, unknown>): Promise<string[]> {
  const settings = await readArchiveOptions({ ...defaults, ...options });
  const world = { environment: {}, clock: systemClock, log: silentLog };
  return openArchivePlaces(settings, 'get', world).map(({ name, isLocal }) => (isLocal ? `here: ${name}` : name));
}

const elsewhere = { 'cluster-dir': '/storage/nowhere', cluster: 'main' };
const here = `here: ${hostname()}`;

async function archiveHost(cluster = 'main'): Promise<{ 'cluster-dir': string }> {
  const directory = clusterDirectory();
  await createClusterRecord(directory, cluster, identity, Date.now());
  return { 'cluster-dir': directory.path };
}

describe('on a machine without an archive', () => {
  test('the hosts are those that are named, as they are named', async () => {
    const hosts = 'archive@arch1, archive@arch2:2222';
    expect(await places({ ...elsewhere, hosts })).toEqual(['archive@arch1', 'archive@arch2:2222']);
    expect(await places({ ...elsewhere, hosts: 'arch2' })).toEqual(['arch2']);
  });

  test.each([
    ['no hosts', {}],
    ['hosts of nothing', { hosts: ' ' }],
    ['no hosts, but a peer', { peer: 'archive@arch2' }],
    ['three hosts', { hosts: 'a b c' }],
    ['a host twice', { hosts: 'arch1 archive@arch1' }],
    ['this machine twice', { hosts: '- -' }],
    ['this machine and two others', { hosts: '- a b' }],
    ['no cluster', { hosts: 'arch1', cluster: undefined }],
    ['a cluster that is none', { hosts: 'arch1', cluster: '../x' }],
    ['no directory', { hosts: 'arch1', 'cluster-dir': undefined }],
    ['a relative directory', { hosts: 'arch1', 'cluster-dir': 'main' }],
  ])('%s is a usage error', async (_what, options) => {
    await failureFrom('usage', places({ ...elsewhere, ...options }));
  });
});

describe('on an archive host', () => {
  test('it is this machine and the peer', async () => {
    const host = await archiveHost();
    expect(await places({ ...host, peer: 'archive@arch2' })).toEqual([here, 'archive@arch2']);
    expect(await places({ ...host, peer: 'arch2=archive@10.0.0.2' })).toEqual([here, 'arch2']);
    expect(await places({ ...host, peer: false })).toEqual([here]);
  });

  test('one host is not taken for all there is', async () => {
    await failureFrom('usage', places(await archiveHost()));
  });

  test('the cluster is that of the directory, unless another one is named', async () => {
    const settings = await readArchiveOptions({ ...defaults, ...(await archiveHost('other')), peer: false });
    expect(settings.cluster).toBe('other');
    await failureFrom('usage', places({ ...(await archiveHost('other')), cluster: 'main', peer: 'arch2' }));
  });

  test('hosts that are named are taken instead, this machine as "-"', async () => {
    const host = { ...(await archiveHost()), cluster: 'main' };
    expect(await places({ ...host, hosts: 'archive@arch1 archive@arch2' })).toEqual(['archive@arch1', 'archive@arch2']);
    expect(await places({ ...host, hosts: 'archive@arch2 -' })).toEqual(['archive@arch2', here]);
    expect(await places({ ...host, hosts: '-' })).toEqual([here]);
  });
});
