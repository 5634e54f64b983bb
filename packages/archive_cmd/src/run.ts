import type { NoVerdict } from '@archive2/core/agent/client.ts';
import { usageFailure } from '@archive2/core/cli/arguments.ts';
import { parseCall } from '@archive2/core/cli/command-call.ts';
import { runCommand, writeStdout } from '@archive2/core/cli/exit.ts';
import type { Invocation } from '@archive2/core/cli/invocation.ts';
import { operateAgents } from '@archive2/core/cli/operate-agents.ts';
import { runAgent } from './agent/run-agent.ts';
import { runBackfill } from './backfill/run-backfill.ts';
import { runCheck } from './check/run-check.ts';
import { commandSpec } from './options.ts';
import { shipWithoutAnswer } from './ship/ship-without-answer.ts';

/** Everything but the hot path: operators' commands, and shipping when no agent gave a verdict. */
export function run(invocation: Invocation, unanswered: NoVerdict | undefined): void {
  runCommand({ failureStatus: 70 }, async () => {
    const { words, options, answer } = await parseCall(commandSpec, invocation.args, invocation.environment);
    if (answer !== undefined) {
      await writeStdout(answer);
      return 0;
    }
    const [first, second, ...rest] = words;
    if (first === 'agent' && second === 'run') return await runAgent(options);
    if (first === 'agent' && (second === 'status' || second === 'stop') && rest.length === 0) {
      return await operateAgents('push', second, options, invocation.environment);
    }
    if (first === 'agent') throw usageFailure(commandSpec, 'agent takes one of status, stop');
    if (first === 'backfill') return await runBackfill(words.slice(1), options, invocation.environment);
    if (first === 'check') return await runCheck(words.slice(1), options, invocation.environment);
    return await shipWithoutAnswer(invocation, words, options, unanswered);
  });
}
