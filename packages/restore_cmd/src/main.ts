import type { Invocation } from '@archive2/core/cli/invocation.ts';
import { statusOfFailure } from './answer.ts';
import { currentAsker } from './asker.ts';

export function main(invocation: Invocation): void {
  process.exitCode = statusOfFailure(currentAsker());
  import('./run.ts').then(
    ({ run }) => run(invocation),
    (error: unknown) => {
      process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
    },
  );
}
