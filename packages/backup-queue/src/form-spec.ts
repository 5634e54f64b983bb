import type { CommandSpec } from '@archive2/core/cli/command-spec.ts';
import { programVersion } from '@archive2/core/cli/version.ts';

/** Options that every form has. */
const queueOptions: CommandSpec['options'] = {
  queue: {
    type: 'string',
    describe: 'the queue: sqlite:/PATH, or a connection string of its PostgreSQL database, without a password',
  },
};

export const jsonOption: CommandSpec['options'] = {
  json: { type: 'boolean', default: false, describe: 'for programs: see docs/backup-queue.md' },
};

export const kindOption: CommandSpec['options'] = {
  kind: { type: 'string', default: 'base', describe: 'of task: base, incremental, dump, files or verify' },
};

const exitStatus: CommandSpec['exitStatus'] = [
  ['0', 'done, or shown'],
  ['2', 'wrong usage, or not confirmed; nothing was changed'],
  ['50', 'the queue could not be asked; asking again may help'],
  ['51', 'the queue is not set up, or of another version: backup-queue init'],
  ['52', 'the login has no right to do this'],
  ['53', 'the queue does not know the cluster'],
  ['54', 'the queue has a cluster of this name'],
  ['3-125', 'the other failures of docs/exit-statuses.md'],
];

type FormPart = Pick<CommandSpec, 'summary' | 'usage' | 'options'> &
  Partial<Pick<CommandSpec, 'examples' | 'settable'>>;

/** A form's command line; `settable` names the options that may come from the environment and /etc/default/backup-queue. */
export function formSpec(part: FormPart): CommandSpec {
  return {
    command: 'backup-queue',
    version: programVersion,
    exitStatus,
    settable: ['queue'],
    ...part,
    options: { ...part.options, ...queueOptions },
  };
}
