import { Failure } from '@archive2/core/base/failure.ts';
import { runCommand } from '@archive2/core/cli/exit.ts';
import type { Invocation } from '@archive2/core/cli/invocation.ts';

export function main(_invocation: Invocation): void {
  runCommand({ failureStatus: 70 }, () => Promise.reject(new Failure('usage', 'backup-restore is not built yet')));
}
