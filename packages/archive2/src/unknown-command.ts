import { Failure } from '@archive2/core/base/failure.ts';
import { runCommand, writeStdout } from '@archive2/core/cli/exit.ts';
import type { Invocation } from '@archive2/core/cli/invocation.ts';
import { programVersion } from '@archive2/core/cli/version.ts';
import { install } from './install.ts';

/** `archive2` by its own name; and what a name that is no command gets: the list of those that are. */
export function main({ calledName, args }: Invocation, commands: readonly string[]): void {
  runCommand({ failureStatus: 70 }, async () => {
    const list = `The commands are ${commands.join(', ')}; each has --help. Call one by its name, or as "archive2 NAME".`;
    const [first, ...rest] = args;
    if (calledName === 'archive2' && first === 'install') return await install(rest, commands);
    if (calledName === 'archive2' && first === '--version') {
      await writeStdout(`archive2 ${programVersion}\n`);
      return 0;
    }
    if (calledName === 'archive2' && (first === '--help' || first === '-h')) {
      await writeStdout(
        `archive2: PostgreSQL WAL archiving on two hosts. ${list}\n` +
          '"archive2 install DIR" puts the program and these names into a directory.\n',
      );
      return 0;
    }
    const name = calledName === 'archive2' && first !== undefined ? first : calledName;
    throw new Failure('usage', `${JSON.stringify(name)} is no command of archive2`, { hint: list });
  });
}
