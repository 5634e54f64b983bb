/**
 * archive_cmd: the hot path. A call that ships a file asks the agent and ends; everything else is loaded only when needed.
 */
import { addressInWorkingDirectory } from '@archive2/core/agent/agent-address.ts';
import { callRequest } from '@archive2/core/agent/call-request.ts';
import { type AgentVerdict, exchangeWithAgent, type NoVerdict } from '@archive2/core/agent/client.ts';
import { configuredStateDirectory, findStateDirectory } from '@archive2/core/agent/state-directory.ts';
import type { Invocation } from '@archive2/core/cli/invocation.ts';
import { leaveNow } from '@archive2/core/cli/leave.ts';

/** Until there is a verdict, whatever ends the process ends it with this. */
const failureStatus = 70;

/** Everything of the command that is not the hot path. */
export interface Rest {
  run: (invocation: Invocation, unanswered: NoVerdict | undefined) => void;
}

export function main(invocation: Invocation, loadRest: () => Promise<Rest>): void {
  process.exitCode = failureStatus;
  const runRest = (unanswered?: NoVerdict): void => {
    loadRest().then(({ run }) => run(invocation, unanswered), failToLoad);
  };
  const socketPath = isShipCall(invocation.args) ? knownSocket(invocation) : undefined;
  if (socketPath === undefined) {
    runRest();
    return;
  }
  exchangeWithAgent(socketPath, callRequest(invocation), (result) => {
    if (typeof result === 'string') runRest(result);
    else endWith(result);
  });
}

/** Five words and no request for anything but shipping: judged without parsing, in doubt by the parser. */
function isShipCall(args: readonly string[]): boolean {
  return args.length >= 5 && !args.some((word) => word === '--help' || word === '-h' || word.startsWith('--no-agent'));
}

function knownSocket(invocation: Invocation): string | undefined {
  const stateDirectory = findStateDirectory(configuredStateDirectory(invocation.args, invocation.environment));
  if (!stateDirectory.isTrusted) return undefined;
  return addressInWorkingDirectory(stateDirectory.path, 'push')?.socketPath;
}

/** Ends with the agent's verdict: 0 only when it says exactly that. */
function endWith({ status, stderr }: AgentVerdict): void {
  const exitStatus = Number.isInteger(status) && status >= 0 && status <= 125 ? status : failureStatus;
  if (stderr === undefined) leaveNow(exitStatus);
  process.exitCode = exitStatus;
  process.stderr.on('error', () => leaveNow(exitStatus));
  process.stderr.write(stderr, () => leaveNow(exitStatus));
}

function failToLoad(error: unknown): void {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
}
