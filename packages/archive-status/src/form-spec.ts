import type { CommandSpec } from '@archive2/core/cli/command-spec.ts';
import { programVersion } from '@archive2/core/cli/version.ts';

/** What is looked at: options that every form which gathers has. */
const sourceOptions: CommandSpec['options'] = {
  config: {
    type: 'string',
    describe: 'the clusters, a section each; default /etc/archive2/status.conf if no hosts are given',
  },
  cluster: { type: 'string', describe: 'name of the cluster; with a file: only this one of it' },
  'cluster-dir': { type: 'string', describe: 'its directory on the archive hosts, as in /storage/main' },
  hosts: {
    type: 'string',
    describe: 'its archive hosts, preferred first: [user@]host[:port]; --hosts=- is this machine',
  },
  'remote-cmd': { type: 'string', describe: 'name or path of archive_remote_cmd there; default archive_remote_cmd' },
  servers: {
    type: 'string',
    describe: 'its database servers: a connection string without a password, with all of them in host',
  },
  queue: { type: 'string', describe: 'the backup queue: sqlite:/PATH or a connection string' },
  'expected-primary': { type: 'string', describe: 'the server that should be the primary, as in servers' },
  patroni: { type: 'string', describe: 'URL of a Patroni REST API, as in http://db1:8008' },
  timeout: { type: 'string', default: '2', describe: 'seconds after which what did not answer is unknown' },
  'state-dir': { type: 'string', describe: 'where samples and agents are; as ARCHIVE2_STATE_DIR' },
};

type FormPart = Pick<CommandSpec, 'summary' | 'usage' | 'options' | 'exitStatus'> &
  Partial<Pick<CommandSpec, 'examples'>>;

/** A form's command line, with the options that say what is looked at. */
export function formSpec(part: FormPart): CommandSpec {
  return {
    command: 'archive-status',
    version: programVersion,
    ...part,
    options: { ...part.options, ...sourceOptions },
  };
}
