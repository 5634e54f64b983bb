import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Failure } from '@archive2/core/base/failure.ts';
import { readFileSetting } from '@archive2/core/postgres/configuration-file.ts';
import type { ServerDoor } from '@archive2/core/restore/server/ask-replay.ts';

/** Where a server's configuration is, and how it is reached. */
export interface ServerConfiguration {
  /** The file that it is started with; undefined for the one in its data directory. */
  readonly configFile: string | undefined;
  /** "15 main", as pg_ctlcluster takes it, where Debian knows the cluster. */
  readonly debianCluster: string | undefined;
}

/** Debian keeps the configuration elsewhere: a cluster there that has this data directory. */
export async function findConfiguration(dataDirectory: string, major: number): Promise<ServerConfiguration> {
  const root = `/etc/postgresql/${major}`;
  for (const name of await readdir(root).catch((): string[] => [])) {
    if (readFileSetting(join(root, name), 'data_directory') === dataDirectory) {
      return { configFile: join(root, name, 'postgresql.conf'), debianCluster: `${major} ${name}` };
    }
  }
  return { configFile: undefined, debianCluster: undefined };
}

/**
 * How a server that is not running yet will be reached, as `postgres -C` says by its files. Throws Failure `restore_failed` when these
 * cannot be read by it.
 */
export async function findDoor(
  programs: string,
  dataDirectory: string,
  { configFile }: ServerConfiguration,
  user: string,
): Promise<ServerDoor> {
  const ask = async (setting: string): Promise<string> => {
    const words = ['-D', dataDirectory, ...(configFile === undefined ? [] : ['-c', `config_file=${configFile}`])];
    const options = { timeout: 30_000, env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' } };
    try {
      const { stdout } = await promisify(execFile)(join(programs, 'postgres'), [...words, '-C', setting], options);
      return stdout.trim();
    } catch (error) {
      const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error);
      throw new Failure('restore_failed', `PostgreSQL cannot read its configuration: ${said.split('\n')[0]}`, {
        cause: error,
        hint: `The files are restored. Put ${configFile ?? join(dataDirectory, 'postgresql.conf')} right, and give the same command again.`,
      });
    }
  };
  const directories = (await ask('unix_socket_directories')).split(',').map((path) => path.trim());
  const socketDirectory = directories.find((path) => path.startsWith('/')) ?? '/tmp';
  return { socketDirectory, port: Number(await ask('port')), user };
}
