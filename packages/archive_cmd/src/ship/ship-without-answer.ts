import { resolve } from 'node:path';
import { addressInWorkingDirectory } from '@archive2/core/agent/agent-address.ts';
import type { AgentVerdict, NoVerdict } from '@archive2/core/agent/client.ts';
import { makeStateDirectory } from '@archive2/core/agent/make-state-directory.ts';
import { startAgentAndAsk } from '@archive2/core/agent/start-agent.ts';
import { findStateDirectory } from '@archive2/core/agent/state-directory.ts';
import { childEnvironment } from '@archive2/core/base/child-environment.ts';
import { systemClock } from '@archive2/core/base/clock.ts';
import { withDeadline } from '@archive2/core/base/deadline.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import { createLog } from '@archive2/core/base/log.ts';
import { writeStderr } from '@archive2/core/cli/exit.ts';
import type { Invocation } from '@archive2/core/cli/invocation.ts';
import { parseArchiveFileName } from '@archive2/core/wal/archive-file.ts';
import { callRequest } from '../call-request.ts';
import { readShipSettings, type ShipSettings, shipWords } from '../options.ts';
import { openShipper, pieceBufferCount } from './open-shipper.ts';
import { PieceBuffers } from './piece-buffers.ts';

/**
 * Ships a file when no agent gave a verdict: starts an agent and asks it, or, where there is none to be had, ships the file in this
 * process. Everything is checked first, so that bad input costs nothing. Resolves with the exit status.
 */
export async function shipWithoutAnswer(
  invocation: Invocation,
  words: readonly string[],
  options: Record<string, unknown>,
  unanswered: NoVerdict | undefined,
): Promise<number> {
  const { hostList, walDirectory, path, name, cluster } = shipWords(words);
  const file = parseArchiveFileName(name);
  const settings = readShipSettings(hostList, walDirectory, cluster, options, invocation.environment);
  if (unanswered === 'late') {
    throw new Failure('deadline', `the agent gave no verdict on ${file.name} in its time`, {
      hint: 'See "archive_cmd agent status"; PostgreSQL asks again.',
    });
  }
  const verdict = await fromNewAgent(invocation, options, unanswered);
  if (verdict !== undefined) {
    if (verdict.stderr !== undefined) writeStderr(verdict.stderr);
    return verdict.status;
  }
  await shipHere(settings, invocation.environment, resolve(path), file);
  return 0;
}

async function fromNewAgent(
  invocation: Invocation,
  options: Record<string, unknown>,
  unanswered: NoVerdict | undefined,
): Promise<AgentVerdict | undefined> {
  // An agent that is there but broken or silent holds its lock: another could not be started.
  if (options['agent'] === false || unanswered === 'broken' || unanswered === 'silent') return undefined;
  const { environment } = invocation;
  const { path: stateDirectory } = findStateDirectory(environment['ARCHIVE2_STATE_DIR']);
  if (!makeStateDirectory(stateDirectory)) return undefined;
  const address = addressInWorkingDirectory(stateDirectory, 'push');
  if (address === undefined) return undefined;
  const result = await startAgentAndAsk(
    {
      address,
      command: 'archive_cmd',
      dataDirectory: process.cwd(),
      stateDirectory,
      environment: childEnvironment(environment),
      clock: systemClock,
    },
    callRequest(invocation),
  );
  return typeof result === 'string' ? undefined : result;
}

async function shipHere(
  settings: ShipSettings,
  environment: Invocation['environment'],
  path: string,
  file: ReturnType<typeof parseArchiveFileName>,
): Promise<void> {
  const { path: stateDirectory, isTrusted } = findStateDirectory(environment['ARCHIVE2_STATE_DIR']);
  const log = createLog((line) => writeStderr(`${line}\n`), 'warning');
  const shipper = await openShipper(settings, {
    stateDirectory: isTrusted ? stateDirectory : undefined,
    buffers: new PieceBuffers(pieceBufferCount),
    clock: systemClock,
    log,
  });
  try {
    await withDeadline(shipper.ship(path, file), settings.callDeadlineMs, () => {
      return new Failure('deadline', `${file.name} is not durable after ${settings.callDeadlineMs} ms`, {
        hint: 'With an agent the transfer would go on between calls; see "archive_cmd check".',
      });
    });
  } finally {
    shipper.stop();
  }
}
