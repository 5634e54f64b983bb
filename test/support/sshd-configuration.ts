import { findPostgresPrograms } from './postgres-programs.ts';
import { BIN_DIRECTORY } from './repository.ts';

export interface SshdSettings {
  port: number;
  /** The private key's path inside the machine. */
  hostKey: string;
  maxStartups: string;
  more: readonly string[];
}

/** An sshd_config(5) for an sshd that is not root. `more` comes first, because the first value of a keyword counts. */
export function sshdConfiguration({ port, hostKey, maxStartups, more }: SshdSettings): string {
  const path = `${BIN_DIRECTORY}:${findPostgresPrograms()}:/usr/local/bin:/usr/bin:/bin`;
  const lines = [
    ...more,
    `Port ${port}`,
    'AddressFamily inet',
    `HostKey ${hostKey}`,
    'PidFile none',
    'UsePAM no',
    'UseDNS no',
    'StrictModes yes',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PrintMotd no',
    'LogLevel VERBOSE',
    `MaxStartups ${maxStartups}`,
    `SetEnv PATH=${path}`,
    'Subsystem sftp internal-sftp',
  ];
  return `${lines.join('\n')}\n`;
}
