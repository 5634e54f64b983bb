import { Failure } from '@archive2/core/base/failure.ts';
import { runCommand, writeStdout } from '@archive2/core/cli/exit.ts';
import type { Invocation } from '@archive2/core/cli/invocation.ts';
import { programVersion } from '@archive2/core/cli/version.ts';

/** What a name that is no command gets: the list of those that are. */
export function main({ calledName, args }: Invocation, commands: readonly string[]): void {
  runCommand({ failureStatus: 70 }, async () => {
    const list = `The commands are ${commands.join(', ')}; each has --help. Call one by its name, or as "archive2 NAME".`;
    const [first] = args;
    if (calledName === 'archive2' && first === '--version') {
      await writeStdout(`archive2 ${programVersion}\n`);
      return 0;
    }
    if (calledName === 'archive2' && (first === '--help' || first === '-h')) {
      await writeStdout(`archive2: PostgreSQL WAL archiving on two hosts. ${list}\n`);
      return 0;
    }
    const name = calledName === 'archive2' && first !== undefined ? first : calledName;
    throw new Failure('usage', `${JSON.stringify(name)} is no command of archive2`, { hint: list });
  });
}
