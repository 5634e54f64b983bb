import { describe, expect, test } from 'vitest';
import { ClusterDirectory, clusterDirectoryOfWal } from '../../../packages/core/src/archive/cluster-directory.ts';
import { checkClusterName } from '../../../packages/core/src/archive/identity.ts';
import { failureFrom } from '../base/expect-failure.ts';

describe('a cluster directory', () => {
  test.each(['', 'main', './main', '/storage/../main', '/storage//main', '/storage/main/', '/storage/./main', '/'])(
    '%j is none',
    async (path) => {
      await failureFrom('usage', () => new ClusterDirectory(path));
    },
  );

  test('is found from its WAL directory', () => {
    expect(clusterDirectoryOfWal('/storage/main/logs.complete').path).toBe('/storage/main');
    expect(clusterDirectoryOfWal('/storage/main/logs.complete').walDirectory).toBe('/storage/main/logs.complete');
  });

  test.each([
    '/storage/main',
    '/storage/main/logs.complete/',
    'main/logs.complete',
    '/storage/../main/logs.complete',
    '/storage/main/xlogs.complete',
    '/logs.complete',
  ])('is not told by %j', async (path) => {
    await failureFrom('usage', () => clusterDirectoryOfWal(path));
  });
});

describe('the name of a cluster', () => {
  test.each(['main', 'M', '_x', '9.6-prod', 'a'.repeat(63)])('may be %j', (name) => {
    expect(checkClusterName(name)).toBe(name);
  });

  test.each(['', '.', '..', '.x', '-rf', 'a/b', 'a b', 'a\n', 'ä', '$(id)', 'a'.repeat(64)])(
    'may not be %j',
    async (name) => {
      await failureFrom('usage', () => checkClusterName(name));
    },
  );
});
