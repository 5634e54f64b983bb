import { rmSync } from 'node:fs';
import type { BackupStand } from './backup-stand.ts';
import { CLUSTER_DIRECTORY } from './backup-stand.ts';
import type { Machine } from './machine.ts';
import { PostgresCluster } from './postgres-cluster.ts';
import type { Program, ProgramResult } from './program.ts';
import { BIN_DIRECTORY } from './repository.ts';

/** backup-restore on a machine of a stand, as an operator calls it there; nobody can be asked. */
export class GuidedRestore {
  readonly machine: Machine;
  /** On a busy computer a login takes a while; short where a host is known to be gone. */
  connectTimeoutSeconds = 10;
  readonly #cluster: string;
  #ports = 5440;

  constructor({ restorer, archive }: Pick<BackupStand, 'restorer' | 'archive'>) {
    this.machine = restorer;
    this.#cluster = archive.cluster;
  }

  /** Which archive it is about. */
  get archiveFlags(): string[] {
    const place = ['--cluster', this.#cluster, '--cluster-dir', CLUSTER_DIRECTORY, '--hosts', 'arch1 arch2'];
    return [
      ...place,
      '--remote-cmd',
      `${BIN_DIRECTORY}/archive_remote_cmd`,
      '--connect-timeout',
      `${this.connectTimeoutSeconds}`,
    ];
  }

  begin(flags: readonly string[], { user, before = [] }: { user?: string; before?: readonly string[] } = {}): Program {
    const argv = [...before, `${BIN_DIRECTORY}/backup-restore`, ...this.archiveFlags, ...flags];
    const program = this.machine.spawn(argv, user === undefined ? {} : { user });
    program.input.end();
    return program;
  }

  async run(flags: readonly string[], options?: { user?: string; before?: readonly string[] }): Promise<ProgramResult> {
    return await this.begin(flags, options).endWithin(90_000);
  }

  /** The place of a copy, and the flags that restore to it and start it beside others on the machine. */
  newCopy(name: string): { copy: PostgresCluster; flags: string[] } {
    const port = this.#ports;
    this.#ports += 1;
    const copy = PostgresCluster.adopt(this.machine, { name, port });
    // The primary's address is another machine's.
    const own = ['--set', 'listen_addresses=', '--set', `port=${port}`];
    return { copy, flags: ['--to', copy.dataDirectory, ...own] };
  }

  /** Restores, starts, and returns the running copy. @throws Error when that does not end with 0. */
  async restore(
    name: string,
    flags: readonly string[] = [],
  ): Promise<{ copy: PostgresCluster; result: ProgramResult }> {
    const { copy, flags: own } = this.newCopy(name);
    const result = await this.run([...own, '--yes', '--start', ...flags]);
    if (result.status !== 0) {
      throw new Error(`backup-restore ended with ${result.status}\n${result.stderr}${result.stdout}`);
    }
    return { copy, result };
  }

  /** Stops a copy and removes its files. */
  async discard(copy: PostgresCluster): Promise<void> {
    if (copy.isRunning) await copy.stop('immediate');
    rmSync(this.machine.path(copy.dataDirectory), { recursive: true, force: true });
  }
}
