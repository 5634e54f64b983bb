import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { command } from './command.ts';
import { MachineInit } from './machine-init.ts';
import { clearRun, prepareRoot } from './machine-root.ts';
import { type Network, type NetworkPort, NOBODYS_MAC } from './network.ts';
import { findPostgresPrograms } from './postgres-programs.ts';
import { type ProcessEntry, processesInNamespaceOf } from './process-table.ts';
import { Program, type ProgramResult } from './program.ts';
import type { Reaper } from './reaper.ts';
import { BIN_DIRECTORY } from './repository.ts';
import { UNPRIVILEGED_USER, User } from './user.ts';
import { waitFor } from './wait-for.ts';

export interface ProgramOptions {
  /** Default postgres. */
  user?: string;
  /** Default /. */
  cwd?: string;
  /** Added to PATH, HOME, USER, LOGNAME, SHELL and LANG; nothing else is inherited. */
  env?: Record<string, string>;
}

export interface RunOptions extends ProgramOptions {
  input?: string | Uint8Array;
  /** Default 60 s. */
  timeoutMs?: number;
}

/** The command that machine-boot.sh waits for. */
const INIT_WAITS = 'sleep 86400';

/** Which packets a cut loses, seen from the machine it is called on. */
export type CutDirection = 'both' | 'outgoing' | 'incoming';

/**
 * A computer of the stand: its own network, processes, and root directory. Only /usr and the checkout are shared with
 * the others, read-only.
 */
export class Machine {
  readonly name: string;
  readonly address: string;
  /** The machine's disk, seen from outside. It outlives the machine's processes. */
  readonly root: string;
  readonly #network: Network;
  readonly #port: NetworkPort;
  readonly #reaper: Reaper;
  readonly #mounts = new Set<string>();
  readonly #programs = new Set<Program>();
  #init: MachineInit | undefined;

  /** Use {@link Stand.machine}. */
  constructor(name: string, standDirectory: string, network: Network, reaper: Reaper) {
    this.name = name;
    this.root = join(standDirectory, name);
    this.#network = network;
    this.#port = network.nextPort();
    this.address = this.#port.address;
    this.#reaper = reaper;
    prepareRoot(this.root, name, new User(UNPRIVILEGED_USER));
  }

  /** Adds a name to the machine's /etc/hosts. */
  addHostName(name: string, address: string): void {
    appendFileSync(join(this.root, 'etc/hosts'), `${address} ${name}\n`);
  }

  get isRunning(): boolean {
    return this.#init !== undefined;
  }

  async boot(): Promise<void> {
    if (this.isRunning) {
      throw new Error(`${this.name} is running already`);
    }
    clearRun(this.root, new User(UNPRIVILEGED_USER));
    this.#init = await MachineInit.start(this.root, this.name, this.#reaper);
    const { link, mac } = this.#port;
    await command(
      ['ip', '-batch', '-'],
      `link add ${link} type veth peer name eth0 address ${mac} netns ${this.#init.pid}
       link set ${link} master ${this.#network.bridge} up\n`,
    );
    await command(
      ['nsenter', '--net', '--target', `${this.#init.pid}`, 'ip', '-batch', '-'],
      `address add ${this.address}/24 dev eth0\nlink set lo up\nlink set eth0 up\n`,
    );
  }

  /** The machine loses its power: nobody hears from it any more, every process is gone, the disk stays. */
  async kill9(): Promise<void> {
    const init = this.#init;
    if (init === undefined) {
      return;
    }
    // Else the kernel would say goodbye for the dead: FIN and RST for every connection.
    await command(['ip', 'link', 'delete', this.#port.link]);
    this.#init = undefined;
    this.#mounts.clear();
    const programs = [...this.#programs].map((program) => program.kill());
    await Promise.all([init.kill(), ...programs]);
  }

  /** Power off and on again. What ran must be started again; tmpfs mounts are gone. */
  async restart(): Promise<void> {
    await this.kill9();
    await this.boot();
  }

  /** Starts a program, found through the machine's PATH, as the unprivileged user. */
  spawn(argv: readonly string[], { user = UNPRIVILEGED_USER, cwd = '/', env = {} }: ProgramOptions = {}): Program {
    const account = new User(user);
    const enter = ['/usr/bin/nsenter', '-t', `${this.#initPid()}`, '-m', '-u', '-i', '-n', '-p'];
    // The death of nsenter is the program's: a test that gives up on a program leaves nothing running.
    const become = ['/usr/bin/setpriv', '--reuid', user, '--regid', `${account.gid}`, '--init-groups'];
    const program = ['--pdeathsig', 'KILL', '/usr/bin/env', '-C', cwd, ...argv];
    const started = new Program([...enter, ...become, ...program], argv, { ...environmentOf(account), ...env });
    this.#programs.add(started);
    started.onExit(() => this.#programs.delete(started));
    return started;
  }

  /**
   * Runs a program to its end and returns its output and how it ended, whichever way that was.
   * @throws Error when it takes longer than `timeoutMs` or leaves its output open to somebody who stays.
   */
  async run(argv: readonly string[], options: RunOptions = {}): Promise<ProgramResult> {
    const program = this.spawn(argv, options);
    program.input.end(options.input ?? '');
    return await program.endWithin(options.timeoutMs ?? 60_000);
  }

  /** As {@link run}, returns the standard output. @throws Error also when the program fails. */
  async check(argv: readonly string[], options: RunOptions = {}): Promise<string> {
    const result = await this.run(argv, options);
    if (result.status !== 0) {
      const how = result.signal ?? `status ${result.status}`;
      throw new Error(`${this.name}: ${argv.join(' ')} ended with ${how}\n${result.stderr}${result.stdout}`);
    }
    return result.stdout;
  }

  /** How the test process reaches a path of this machine. Ask again after a mount or a restart. */
  path(inside: string): string {
    const mounted = [...this.#mounts].some((mount) => inside === mount || inside.startsWith(`${mount}/`));
    // A mount is visible in the machine's namespace only; the kernel leads there through its init.
    return mounted ? `/proc/${this.#initPid()}/root${inside}` : join(this.root, inside);
  }

  /** Makes a directory, parents included, owned by the unprivileged user. */
  makeDirectory(inside: string, mode = 0o755): void {
    new User(UNPRIVILEGED_USER).makeDirectory(this.path(inside), mode);
  }

  /** Writes a file owned by the unprivileged user. */
  writeFile(inside: string, content: string | Uint8Array, mode = 0o600): void {
    new User(UNPRIVILEGED_USER).writeFile(this.path(inside), content, mode);
  }

  /** Mounts with mount(8), `args` being all but the directory, which is made and given to the unprivileged user. */
  async mount(inside: string, args: readonly string[]): Promise<void> {
    this.makeDirectory(inside);
    await this.check(['mount', ...args, inside], { user: 'root' });
    this.#mounts.add(inside);
    this.makeDirectory(inside);
  }

  /** A small file system in memory, for full disks; a size is rounded up to pages. */
  async mountTmpfs(inside: string, sizeBytes: number, { inodes }: { inodes?: number } = {}): Promise<void> {
    const options = [`size=${sizeBytes}`, ...(inodes === undefined ? [] : [`nr_inodes=${inodes}`])];
    await this.mount(inside, ['-t', 'tmpfs', '-o', options.join(','), 'tmpfs']);
  }

  /** A process that has just ended may hold it for a moment still. */
  async unmount(inside: string): Promise<void> {
    const unmounted = async () => {
      await this.check(['umount', inside], { user: 'root' });
      return true;
    };
    await waitFor(unmounted, { what: `${inside} to be unmounted`, timeoutMs: 5000, intervalMs: 50 });
    this.#mounts.delete(inside);
  }

  /** From now on packets between the two vanish, without an error to either; established connections too. */
  async cut(other: Machine, direction: CutDirection = 'both'): Promise<void> {
    if (direction !== 'incoming') {
      await this.loseFramesTo(other.address);
    }
    if (direction !== 'outgoing') {
      await other.loseFramesTo(this.address);
    }
  }

  /** Ends every cut between the two. */
  async heal(other: Machine): Promise<void> {
    await Promise.all([this.findFramesTo(other.address), other.findFramesTo(this.address)]);
  }

  /** Sends everything for an address to a MAC that nobody has, which the switch drops as a real one does. */
  async loseFramesTo(address: string): Promise<void> {
    await this.#ip(`neigh replace ${address} lladdr ${NOBODYS_MAC} dev eth0 nud permanent`);
  }

  /** Ends {@link loseFramesTo}; fine when there was none. */
  async findFramesTo(address: string): Promise<void> {
    if ((await this.#ip('neigh show nud permanent')).includes(`${address} `)) {
      await this.#ip(`neigh del ${address} dev eth0`);
    }
  }

  /** Everything that the machine sends goes through a line of this rate from now on; undefined ends that. */
  async limitRate(bitsPerSecond: number | undefined): Promise<void> {
    const qdisc = 'qdisc replace dev eth0 root';
    const line =
      bitsPerSecond === undefined
        ? 'qdisc del dev eth0 root'
        : `${qdisc} tbf rate ${bitsPerSecond}bit burst 4kb latency 1s`;
    await this.check(['tc', ...line.split(' ')], { user: 'root' });
  }

  /** Pulls the cable. */
  async linkDown(): Promise<void> {
    await command(['ip', 'link', 'set', this.#port.link, 'down']);
  }

  async linkUp(): Promise<void> {
    await command(['ip', 'link', 'set', this.#port.link, 'up']);
  }

  /** The processes of this machine whose command line matches, without its init. @throws Error when it is off. */
  processes(pattern: RegExp | string = ''): ProcessEntry[] {
    const matches = new RegExp(pattern);
    const init = this.#initPid();
    return processesInNamespaceOf(init).filter(
      ({ commandLine, parentPid }) => matches.test(commandLine) && !(parentPid === init && commandLine === INIT_WAITS),
    );
  }

  /** Stops every process: the kernel goes on to accept connections and acknowledge bytes, nobody answers. */
  freeze(): void {
    this.#signalAll('SIGSTOP');
  }

  thaw(): void {
    this.#signalAll('SIGCONT');
    for (const program of this.#programs) {
      program.resume();
    }
  }

  #signalAll(signal: NodeJS.Signals): void {
    for (const { pid } of this.processes()) {
      process.kill(pid, signal);
    }
  }

  async #ip(line: string): Promise<string> {
    return await this.check(['ip', ...line.split(' ')], { user: 'root' });
  }

  #initPid(): number {
    if (this.#init === undefined) {
      throw new Error(`${this.name} is switched off`);
    }
    return this.#init.pid;
  }
}

function environmentOf({ name, home }: User): Record<string, string> {
  const path = [BIN_DIRECTORY, findPostgresPrograms(), '/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin'];
  return { PATH: path.join(':'), HOME: home, USER: name, LOGNAME: name, SHELL: '/bin/sh', LANG: 'C.UTF-8' };
}
