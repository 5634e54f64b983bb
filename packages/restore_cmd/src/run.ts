import type { AgentVerdict, NoVerdict } from '@archive2/core/agent/client.ts';
import { systemClock } from '@archive2/core/base/clock.ts';
import { usageFailure } from '@archive2/core/cli/arguments.ts';
import { parseCall } from '@archive2/core/cli/command-call.ts';
import { runCommand, writeStdout } from '@archive2/core/cli/exit.ts';
import type { Invocation } from '@archive2/core/cli/invocation.ts';
import { operateAgents } from '@archive2/core/cli/operate-agents.ts';
import { runAgent } from './agent/run-agent.ts';
import { statusOfFailure } from './answer.ts';
import { askerIn } from './asker.ts';
import { runCheck } from './check/run-check.ts';
import { runDelay } from './delay/run-delay.ts';
import { deliverFile } from './deliver-file.ts';
import { commandSpec, fetchWords } from './options.ts';
import { restoreWithoutAnswer } from './restore-without-answer.ts';

/** Forms that people call; everything else is PostgreSQL's. */
const operatorForms = new Set(['check', 'agent', 'delay']);

/** Everything but the hot path: operators' commands, and fetching when no agent gave a verdict. */
export function run(invocation: Invocation, unanswered: NoVerdict | undefined): void {
  const asker = askerIn('.');
  const [form = ''] = invocation.args;
  // In recovery no failure, wrong usage included, may look like the end of WAL.
  const failureStatus = operatorForms.has(form) ? 42 : statusOfFailure(asker);
  const contract = operatorForms.has(form) ? { failureStatus } : { failureStatus, statusOf: () => failureStatus };
  runCommand(contract, async () => {
    const { words, options, answer } = await parseCall(commandSpec, invocation.args, invocation.environment);
    if (answer !== undefined) {
      await writeStdout(answer);
      return 0;
    }
    const [first, second, ...rest] = words;
    if (first === 'agent' && second === 'run') return await runAgent(options);
    if (first === 'agent' && (second === 'status' || second === 'stop') && rest.length === 0) {
      return await operateAgents('get', second, options, invocation.environment);
    }
    if (first === 'agent') throw usageFailure(commandSpec, 'agent takes one of status, stop');
    if (first === 'delay') return await runDelay(words.slice(1), options, invocation.environment, systemClock);
    if (first === 'check') return await runCheck(words.slice(1), options, invocation.environment);
    return await restoreWithoutAnswer(invocation, words, options, asker, unanswered);
  });
}

/** Delivers what the agent has, where a rename alone cannot: from another file system, or to a place that refuses it. */
export function deliverAcross(invocation: Invocation, verdict: AgentVerdict & { deliver: string }): void {
  const failureStatus = statusOfFailure(askerIn('.'));
  runCommand({ failureStatus, statusOf: () => failureStatus }, async () => {
    const { words } = await parseCall(commandSpec, invocation.args, invocation.environment);
    await deliverFile(verdict.deliver, fetchWords(words).path);
    return 0;
  });
}
