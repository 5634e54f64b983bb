/** Where a server that we start gets its WAL, and how long it insists. */
export interface WalSource {
  /** The words that call restore_cmd, by absolute path; see findRestoreProgram. */
  readonly program: readonly string[];
  /** As restore_cmd takes them; none: only `localDirectory` is looked at. */
  readonly hosts: readonly string[];
  /** SRC-DIR: `<cluster directory>/logs.complete` on the hosts. */
  readonly walDirectory: string;
  readonly cluster: string;
  /** This machine's own archive, or another directory of archive files. */
  readonly localDirectory?: string | undefined;
  readonly onUnavailable?: 'auto' | 'retry' | 'abort' | 'end' | undefined;
  readonly unavailableTimeoutSeconds?: number | undefined;
  /** `none`: each call fetches its file itself. A state directory: an agent of its own there. Default: the account's usual agent. */
  readonly agent?: 'none' | { readonly stateDirectory: string; readonly idleSeconds: number } | undefined;
  /** What the agent may hold ready on the disk. */
  readonly prefetchBytes?: number | undefined;
  /** archive_remote_cmd's name or path on the hosts. */
  readonly remoteProgram?: string | undefined;
}

/** The value of restore_command: words quoted for the shell, `%` doubled where it stands for itself. Pure. */
export function formatRestoreCommand(source: WalSource): string {
  const { program, hosts, walDirectory, cluster, agent } = source;
  const flags = [
    `--cluster=${cluster}`,
    ...option('local-dir', source.localDirectory),
    ...(hosts.length === 0 ? ['--only-local'] : []),
    ...option('on-unavailable', source.onUnavailable),
    ...option('unavailable-timeout', source.unavailableTimeoutSeconds),
    ...option('prefetch-size', source.prefetchBytes),
    ...option('remote-cmd', source.remoteProgram),
    ...(agent === 'none' ? ['--no-agent'] : []),
    ...(typeof agent === 'object' ? [`--state-dir=${agent.stateDirectory}`, `--agent-idle=${agent.idleSeconds}`] : []),
  ];
  // HOSTS may not be empty, whoever is asked.
  const hostList = hosts.length === 0 ? 'localhost' : hosts.join(' ');
  const literal = [...program, ...flags, hostList, walDirectory].map((word) =>
    quoteForShell(word).replaceAll('%', '%%'),
  );
  return [...literal, '%f', '%p'].join(' ');
}

function option(name: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [`--${name}=${value}`];
}

/** One word of sh, unchanged whatever is in it. Pure. */
export function quoteForShell(word: string): string {
  return /^[\w./:@%+,=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
