import { describe, expect, it, test } from 'vitest';
import { parseConfigFile } from '../../../packages/archive-status/src/settings/config-file.ts';
import {
  parseAges,
  parsePercents,
  parseRests,
  parseSizes,
} from '../../../packages/archive-status/src/settings/limits.ts';
import { clusterKeys, readWatchedCluster } from '../../../packages/archive-status/src/settings/watched-cluster.ts';
import { Failure } from '../../../packages/core/src/base/failure.ts';

const path = '/etc/archive2/status.conf';

function clustersOf(text: string) {
  return parseConfigFile(text, path, clusterKeys).map(({ name, settings, where }) =>
    readWatchedCluster(name, settings, where),
  );
}

function refusal(text: string): string {
  try {
    clustersOf(text);
  } catch (error) {
    if (error instanceof Failure && error.code === 'usage') return error.message;
    throw error;
  }
  return 'accepted';
}

const main = '[main]\ncluster_dir = /storage/main\nhosts = archive@arch1 archive@arch2\n';

describe('the configuration file', () => {
  it('has a section for each cluster, and settings for all before the first', () => {
    const clusters =
      clustersOf(`# all\nqueue = host=db9 dbname=backup user=monitor\ndebt-age = 5min\n${main}servers = host=db1,db2 user=monitor
expected_primary = db1
patroni = http://db1:8008
backup_age = 26h,50h

[shop]
cluster_dir = /storage/shop
hosts = - archive@arch2
debt_age = 1h,2h
skip = drill, primary
`);
    expect(clusters.map(({ cluster }) => cluster)).toEqual(['main', 'shop']);
    const [first, second] = clusters;
    expect(first).toMatchObject({
      expectedPrimary: 'db1',
      servers: { host: 'db1,db2', user: 'monitor' },
      queue: { kind: 'postgres' },
      archives: [{ name: 'archive@arch1' }, { name: 'archive@arch2' }],
      thresholds: {
        backupAge: { warning: 26 * 3_600_000, critical: 50 * 3_600_000 },
        debtAge: { warning: 300_000, critical: 300_000 },
      },
    });
    expect(first?.patroni?.href).toBe('http://db1:8008/');
    expect(second).toMatchObject({
      archives: [{ kind: 'here' }, { name: 'archive@arch2' }],
      servers: undefined,
      skip: ['drill', 'primary'],
      thresholds: { debtAge: { warning: 3_600_000, critical: 7_200_000 }, backupAge: undefined },
    });
  });

  test.each([
    ['', 'names no cluster'],
    ['queue = sqlite:/q\n', 'names no cluster'],
    [`${main}backup_agee = 1h\n`, 'line 4: "backup_agee" is not known'],
    [`${main}hosts = arch3\n`, 'line 4: hosts is given twice'],
    [`${main}[main]\n`, 'line 4: the cluster "main" has a section already'],
    [`${main}what is this\n`, 'line 4: neither [cluster] nor key = value'],
    [`${main}servers =\n`, 'line 4: servers has no value'],
    [
      `${main}servers = host=db1 password=hunter2\n`,
      'line 4: servers: a connection string here must not hold a secret',
    ],
    [`${main}servers = user=monitor\n`, 'line 4: servers: no host is named'],
    [
      `${main}queue = postgresql://u:hunter2@db9/backup\n`,
      'line 4: queue: a connection string here must not hold a secret',
    ],
    [`${main}patroni = http://u:hunter2@db1:8008\n`, 'line 4: patroni: a URL here must not hold a secret'],
    [`${main}patroni = ftp://db1\n`, 'line 4: patroni: that is no http:// or https:// URL'],
    [`${main}backup_age = 48h,24h\n`, 'line 4: backup_age: "48h,24h" is not times'],
    [`${main}backup_age = 24\n`, 'line 4: backup_age: "24" is not times'],
    ['[main]\nhosts = arch1\n', 'cluster-dir is missing'],
    ['[main]\ncluster_dir = /storage/main\n', 'hosts is missing'],
    ['[main]\ncluster_dir = storage/main\nhosts = arch1\n', 'line 2: cluster_dir: cluster directory "storage/main"'],
    ['[main]\ncluster_dir = /storage/main\nhosts = arch1 arch2 arch3\n', 'line 3: hosts: 3 archive'],
    ['[../etc]\ncluster_dir = /storage/main\nhosts = arch1\n', 'cluster'],
  ])('refuses %j', (text, message) => {
    const refused = refusal(text);
    expect(refused).toContain(message);
    expect(refused).not.toContain('hunter2');
  });
});

describe('limits', () => {
  it('are one value or two, with the units of people', () => {
    expect(parseAges('90s', 'x')).toEqual({ warning: 90_000, critical: 90_000 });
    expect(parseAges('1.5h, 2d', 'x')).toEqual({ warning: 5_400_000, critical: 172_800_000 });
    expect(parseRests('7d,1d', 'x')).toEqual({ warning: 7 * 86_400_000, critical: 86_400_000 });
    expect(parseSizes('256MB,1GB', 'x')).toEqual({ warning: 2 ** 28, critical: 2 ** 30 });
    expect(parsePercents('85,95', 'x')).toEqual({ warning: 85, critical: 95 });
  });

  test.each(['', '24', 'h', '-1h', '1h,', '1h,2h,3h', '2h,1h', '1y', '1constructor'])('are not %j', (text) => {
    expect(() => parseAges(text, 'backup_age')).toThrow('backup_age');
  });

  test.each(['101', '-1', '80%', '90,80'])('of per cent are not %j', (text) => {
    expect(() => parsePercents(text, 'disk_used')).toThrow('disk_used');
  });
});
