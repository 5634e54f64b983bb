import { readFile } from 'node:fs/promises';
import { Failure, systemErrorCode } from '@archive2/core/base/failure.ts';
import { optionalText } from '@archive2/core/cli/option-values.ts';
import { parseConfigFile } from './config-file.ts';
import { clusterKeys, readWatchedCluster, type WatchedCluster } from './watched-cluster.ts';

export const defaultConfigPath = '/etc/archive2/status.conf';

/**
 * The clusters to look at: of the flags, if they name hosts, else of the configuration file. Thresholds given as flags hold for all
 * clusters of the file. Throws Failure `usage` where none is configured: nobody watches by accident nothing.
 */
export async function readWatchedClusters(options: Record<string, unknown>): Promise<WatchedCluster[]> {
  const flags = flagsOf(options);
  const cluster = optionalText(options, 'cluster');
  if (flags['hosts'] !== undefined) {
    if (optionalText(options, 'config') !== undefined) {
      throw new Failure('usage', 'give --config or --hosts, not both', {
        hint: 'Hosts may also come from /etc/default/archive-status, or from ARCHIVE2_HOSTS.',
      });
    }
    if (cluster === undefined) throw new Failure('usage', '--cluster is missing');
    return [readWatchedCluster(cluster, flags, (key) => `--${key}`)];
  }
  const path = optionalText(options, 'config') ?? defaultConfigPath;
  const sections = parseConfigFile(await readConfig(path), path, clusterKeys);
  const chosen = cluster === undefined ? sections : sections.filter(({ name }) => name === cluster);
  if (chosen.length === 0) {
    const names = sections.map(({ name }) => name).join(', ');
    throw new Failure('usage', `${path} has no cluster ${JSON.stringify(cluster)}`, { hint: `It has ${names}.` });
  }
  return chosen.map(({ name, settings, where }) =>
    readWatchedCluster(name, { ...settings, ...flags }, (key) => (flags[key] === undefined ? where(key) : `--${key}`)),
  );
}

function flagsOf(options: Record<string, unknown>): Record<string, string> {
  const given = clusterKeys.flatMap((key) => {
    // --skip of the command line counts besides those of the file; the check has it.
    const text = key === 'skip' ? undefined : optionalText(options, key);
    return text === undefined ? [] : [[key, text] as const];
  });
  return Object.fromEntries(given);
}

async function readConfig(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const isMissing = systemErrorCode(error) === 'ENOENT';
    throw new Failure(
      'usage',
      isMissing ? `no cluster is configured: ${path} is not there` : `${path} cannot be read`,
      {
        hint: 'Give --cluster, --cluster-dir and --hosts, or write the file: see docs/archive-status.md.',
        cause: error,
      },
    );
  }
}
