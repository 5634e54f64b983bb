/**
 * restore_cmd: the hot path. A call from a recovering or standing-by server asks the agent, renames the file that it has ready, and
 * ends; everything else is loaded only when needed.
 */
import { addressInWorkingDirectory } from '@archive2/core/agent/agent-address.ts';
import { callRequest } from '@archive2/core/agent/call-request.ts';
import { type AgentVerdict, exchangeWithAgent, type NoVerdict } from '@archive2/core/agent/client.ts';
import { quickRename } from '@archive2/core/agent/file-door.ts';
import { configuredStateDirectory, findStateDirectory } from '@archive2/core/agent/state-directory.ts';
import type { Invocation } from '@archive2/core/cli/invocation.ts';
import { leaveNow } from '@archive2/core/cli/leave.ts';
import { statusOfFailure } from './answer.ts';
import { askerIn } from './asker.ts';

/** Everything of the command that is not the hot path. */
export interface Rest {
  run: (invocation: Invocation, unanswered: NoVerdict | undefined) => void;
  deliverAcross: (invocation: Invocation, verdict: AgentVerdict & { deliver: string }) => void;
}

export function main(invocation: Invocation, loadRest: () => Promise<Rest>): void {
  const asker = askerIn('.');
  const failureStatus = statusOfFailure(asker);
  process.exitCode = failureStatus;
  const runRest = (unanswered?: NoVerdict): void => {
    loadRest().then(({ run }) => run(invocation, unanswered), failToLoad);
  };
  const socketPath = asker !== 'elsewhere' && isFetchCall(invocation.args) ? knownSocket(invocation) : undefined;
  if (socketPath === undefined) {
    runRest();
    return;
  }
  exchangeWithAgent(socketPath, callRequest(invocation), (result) => {
    if (typeof result === 'string') runRest(result);
    else endWith(invocation, result, failureStatus, loadRest);
  });
}

/** Four words and no request for anything but a file: judged without parsing, in doubt by the parser. */
function isFetchCall(args: readonly string[]): boolean {
  const [first] = args;
  if (first === 'delay' || first === 'check' || first === 'agent') return false;
  return args.length >= 4 && !args.some((word) => word === '--help' || word === '-h' || word.startsWith('--no-agent'));
}

function knownSocket(invocation: Invocation): string | undefined {
  const stateDirectory = findStateDirectory(configuredStateDirectory(invocation.args, invocation.environment));
  if (!stateDirectory.isTrusted) return undefined;
  return addressInWorkingDirectory(stateDirectory.path, 'get')?.socketPath;
}

/** Ends with the agent's verdict: 0 only with the file in place, 1 only when that is what it says. */
function endWith(
  invocation: Invocation,
  verdict: AgentVerdict,
  failureStatus: number,
  loadRest: () => Promise<Rest>,
): void {
  const { status, stderr, deliver } = verdict;
  if (stderr !== undefined) process.stderr.write(stderr);
  if (status === 0 && deliver !== undefined) {
    // %p is a word of its own; which one, with flags around it, the parser knows. PostgreSQL's is always this one.
    const path = invocation.args.find((word) => word === 'pg_wal/RECOVERYXLOG' || word === 'pg_wal/RECOVERYHISTORY');
    if (path !== undefined && quickRename(deliver, path)) leaveAfter(stderr, 0);
    else loadRest().then(({ deliverAcross }) => deliverAcross(invocation, { ...verdict, deliver }), failToLoad);
    return;
  }
  leaveAfter(stderr, status === 1 || status === 126 ? status : failureStatus);
}

function leaveAfter(stderr: string | undefined, status: number): void {
  process.exitCode = status;
  if (stderr === undefined) leaveNow(status);
  process.stderr.on('error', () => leaveNow(status));
  process.stderr.write('', () => leaveNow(status));
}

function failToLoad(error: unknown): void {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
}
