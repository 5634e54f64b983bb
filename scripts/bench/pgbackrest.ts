import type { ArchiveHost } from '../../test/support/archive-host.ts';
import type { ArchiveStand } from '../../test/support/archive-stand.ts';
import { trust } from '../../test/support/keys.ts';
import type { Machine } from '../../test/support/machine.ts';
import type { PostgresCluster } from '../../test/support/postgres-cluster.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import type { Pusher } from './push-stand.ts';

/** How pgBackRest reaches its repositories: a new SSH connection for each process, or its own server over TLS. */
type Transport = 'ssh' | 'tls';

interface Variant {
  transport: Transport;
  async: boolean;
  processes: number;
  /** Of zstd; its own default is 3. */
  level: number;
  /** Over the fault proxies, which are called so on the primary. */
  isFar?: boolean;
}

/** Its ways to be set up; `ssh` and `tls` as it is fastest on two cores. */
const variants = {
  ssh: { transport: 'ssh', async: true, processes: 2, level: 1 },
  tls: { transport: 'tls', async: true, processes: 2, level: 1 },
  'ssh-default': { transport: 'ssh', async: true, processes: 2, level: 3 },
  'ssh-4': { transport: 'ssh', async: true, processes: 4, level: 3 },
  'ssh-sync': { transport: 'ssh', async: false, processes: 2, level: 1 },
  'tls-sync': { transport: 'tls', async: false, processes: 2, level: 1 },
  'tls-far': { transport: 'tls', async: true, processes: 2, level: 1, isFar: true },
} as const satisfies Record<string, Variant>;

export type VariantName = keyof typeof variants;

const CONFIGURATION = '/etc/pgbackrest';
const REPOSITORY = '/archive/pgbackrest';
export const ARCHIVE_OF_PGBACKREST = `${REPOSITORY}/archive/main`;
const SPOOL = '/var/spool/pgbackrest';
export const TLS_PORT = 8432;

/**
 * pgBackRest with two repositories, on the archive hosts of a stand, set up as it is fastest on two cores: asynchronous, two processes,
 * zstd level 1, a queue of 1 GB.
 */
export class PgBackRest {
  readonly #stand: ArchiveStand;
  readonly #farPorts: ReadonlyMap<string, number>;

  private constructor(stand: ArchiveStand, farPorts: ReadonlyMap<string, number>) {
    this.#stand = stand;
    this.#farPorts = farPorts;
  }

  /**
   * Sets up both hosts and the primary, whose cluster must run, and makes the stanza. `farPorts`: where the hosts' servers are reached
   * by their far names.
   */
  static async create(
    stand: ArchiveStand,
    primary: PostgresCluster,
    farPorts: ReadonlyMap<string, number> = new Map(),
  ): Promise<PgBackRest> {
    const it = new PgBackRest(stand, farPorts);
    const authority = await makeAuthority(stand.primary);
    for (const host of stand.hosts) {
      host.machine.makeDirectory(REPOSITORY);
      await installCertificate(authority, host.machine);
      host.machine.writeFile(`${CONFIGURATION}/server.conf`, serverConfiguration());
      host.machine.makeDirectory('/var/log/pgbackrest');
      const server = host.machine.spawn(['pgbackrest', `--config=${CONFIGURATION}/server.conf`, 'server']);
      server.exited.catch(() => undefined);
    }
    await it.admit(stand.primary, primary.dataDirectory, primary.port);
    await stand.primary.check(it.command('tls', 'stanza-create'), { timeoutMs: 60_000 });
    return it;
  }

  /** Lets a machine use both repositories for a data directory on it, by either transport. */
  async admit(machine: Machine, dataDirectory: string, port = 5432): Promise<void> {
    await installCertificate(await makeAuthority(this.#stand.primary), machine);
    for (const host of this.#stand.hosts) {
      await trust(machine, host, { as: plainAlias(host), identity: 'id_pgbackrest' });
      machine.addHostName(plainAlias(host), host.machine.address);
    }
    machine.makeDirectory(SPOOL);
    machine.makeDirectory('/var/log/pgbackrest');
    for (const [name, variant] of Object.entries(variants)) {
      const text = clientConfiguration(this.#stand.hosts, variant, { dataDirectory, port, farPorts: this.#farPorts });
      machine.writeFile(`${CONFIGURATION}/${name}.conf`, text);
    }
  }

  /** The words of a command. */
  command(variant: VariantName, ...words: string[]): string[] {
    return ['pgbackrest', `--config=${CONFIGURATION}/${variant}.conf`, '--stanza=main', ...words];
  }

  /** It as the archiver's command. */
  pusher(variant: VariantName, label: string): Pusher {
    return {
      label,
      archiveCommand: this.command(variant, 'archive-push', '%p').join(' '),
      reset: async () => {
        const { primary, hosts } = this.#stand;
        await waitFor(() => primary.processes(/pgbackrest .*archive-push/).length === 0, { what: 'pgBackRest to end' });
        await this.clearSpool(primary);
        const machines = hosts.map(({ machine }) => machine).filter((machine) => machine.isRunning);
        for (const machine of machines) {
          await machine.check(['sh', '-c', `find ${ARCHIVE_OF_PGBACKREST} -mindepth 2 -maxdepth 2 -exec rm -r {} +`]);
        }
      },
    };
  }

  /**
   * Lets the first archive host take backups of the primary's cluster over TLS, and returns the words of a full one. It must run where
   * the repository is; `--no-archive-check` because here the WAL is archived by us.
   */
  async admitBackups({ dataDirectory, port }: PostgresCluster): Promise<{ machine: Machine; argv: string[] }> {
    const { primary, arch1 } = this.#stand;
    primary.writeFile(`${CONFIGURATION}/server.conf`, serverConfiguration());
    const server = primary.spawn(['pgbackrest', `--config=${CONFIGURATION}/server.conf`, 'server']);
    server.exited.catch(() => undefined);
    // A name that is in the certificate.
    arch1.machine.addHostName('bench', primary.address);
    arch1.machine.writeFile(`${CONFIGURATION}/backup.conf`, backupConfiguration(dataDirectory, port));
    const flags = [
      `--config=${CONFIGURATION}/backup.conf`,
      '--stanza=main',
      '--type=full',
      '--start-fast',
      '--no-archive-check',
    ];
    return { machine: arch1.machine, argv: ['pgbackrest', ...flags, 'backup'] };
  }

  /** Forgets what was fetched ahead, so that the next run starts cold. */
  async clearSpool(machine: Machine): Promise<void> {
    // What fetches ahead in the background still may be at it.
    const isAtWork = () => machine.processes(/pgbackrest .*archive-get/).length > 0;
    await waitFor(() => !isAtWork(), { what: 'pgBackRest to end', timeoutMs: 60_000 });
    await machine.check(['sh', '-c', `rm -rf ${SPOOL}/archive`]);
  }
}

/** Another name than ours, whose key has a forced command. */
function plainAlias(host: ArchiveHost): string {
  return `${host.machine.name}-plain`;
}

/** A host behind a fault proxy, on the primary. */
export function farName(host: ArchiveHost): string {
  return `${host.machine.name}-far`;
}

function serverConfiguration(): string {
  return `[global]
repo1-path=${REPOSITORY}
log-level-file=off
log-level-console=warn
tls-server-address=*
tls-server-port=${TLS_PORT}
tls-server-ca-file=${CONFIGURATION}/ca.crt
tls-server-cert-file=${CONFIGURATION}/own.crt
tls-server-key-file=${CONFIGURATION}/own.key
tls-server-auth=bench=*
`;
}

function backupConfiguration(dataDirectory: string, port: number): string {
  return `[global]
repo1-path=${REPOSITORY}
repo1-retention-full=1
process-max=2
compress-type=zst
compress-level=1
log-level-file=off
log-level-console=warn
[main]
pg1-path=${dataDirectory}
pg1-port=${port}
pg1-socket-path=/run/postgresql
pg1-host=bench
pg1-host-type=tls
pg1-host-port=${TLS_PORT}
pg1-host-ca-file=${CONFIGURATION}/ca.crt
pg1-host-cert-file=${CONFIGURATION}/own.crt
pg1-host-key-file=${CONFIGURATION}/own.key
`;
}

function clientConfiguration(
  hosts: readonly ArchiveHost[],
  variant: Variant,
  { dataDirectory, port, farPorts }: { dataDirectory: string; port: number; farPorts: ReadonlyMap<string, number> },
): string {
  const { transport, isFar = false } = variant;
  const repositories = hosts.map((host, index) => {
    const repo = `repo${index + 1}`;
    const lines = [
      `${repo}-path=${REPOSITORY}`,
      `${repo}-host=${isFar ? farName(host) : plainAlias(host)}`,
      `${repo}-host-user=postgres`,
    ];
    if (transport === 'tls') {
      lines.push(
        `${repo}-host-type=tls`,
        `${repo}-host-port=${(isFar ? farPorts.get(farName(host)) : undefined) ?? TLS_PORT}`,
        `${repo}-host-ca-file=${CONFIGURATION}/ca.crt`,
        `${repo}-host-cert-file=${CONFIGURATION}/own.crt`,
        `${repo}-host-key-file=${CONFIGURATION}/own.key`,
      );
    }
    return lines.join('\n');
  });
  return `[global]
${repositories.join('\n')}
archive-async=${variant.async ? 'y' : 'n'}
archive-get-queue-max=1GB
spool-path=${SPOOL}
process-max=${variant.processes}
compress-type=zst
compress-level=${variant.level}
log-level-file=off
log-level-console=warn
[main]
pg1-path=${dataDirectory}
pg1-port=${port}
pg1-socket-path=/run/postgresql
`;
}

/** A certificate authority, and one certificate that is good for every machine of the stand; made once. */
async function makeAuthority(machine: Machine): Promise<{ machine: Machine; directory: string }> {
  const directory = '/var/lib/postgresql/tls';
  const script = `
    set -eu
    [ ! -e own.crt ] || exit 0
    openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=authority
    openssl req -newkey rsa:2048 -nodes -keyout own.key -out own.csr -subj /CN=bench
    printf 'subjectAltName=DNS:arch1-plain,DNS:arch2-plain,DNS:arch1-far,DNS:arch2-far,DNS:bench' >extensions
    openssl x509 -req -in own.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out own.crt -days 2 -extfile extensions`;
  machine.makeDirectory(directory);
  await machine.check(['sh', '-c', script], { cwd: directory });
  return { machine, directory };
}

async function installCertificate(authority: { machine: Machine; directory: string }, machine: Machine): Promise<void> {
  machine.makeDirectory(CONFIGURATION);
  for (const file of ['ca.crt', 'own.crt', 'own.key']) {
    const content = await authority.machine.check(['cat', `${authority.directory}/${file}`]);
    machine.writeFile(`${CONFIGURATION}/${file}`, content);
  }
}
