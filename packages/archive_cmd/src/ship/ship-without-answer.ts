import { resolve } from 'node:path';
import type { NoVerdict } from '@archive2/core/agent/client.ts';
import { configuredStateDirectory, findStateDirectory } from '@archive2/core/agent/state-directory.ts';
import { systemClock } from '@archive2/core/base/clock.ts';
import { withDeadline } from '@archive2/core/base/deadline.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import { createLog } from '@archive2/core/base/log.ts';
import { forManyFiles } from '@archive2/core/base/runtime-settings.ts';
import { agentFlags } from '@archive2/core/cli/agent-settings.ts';
import { askNewAgent } from '@archive2/core/cli/ask-new-agent.ts';
import { writeStderr } from '@archive2/core/cli/exit.ts';
import type { Invocation } from '@archive2/core/cli/invocation.ts';
import { parseArchiveFileName } from '@archive2/core/wal/archive-file.ts';
import { readShipSettings, type ShipSettings, shipWords } from '../options.ts';
import { openShipper, readBufferCount } from './open-shipper.ts';
import { ReadBuffers } from './read-buffers.ts';

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
  const flags = agentFlags(options);
  const agent = { role: 'push' as const, command: 'archive_cmd', unanswered, flags, runtime: forManyFiles };
  const verdict = options['agent'] === false ? undefined : await askNewAgent(invocation, agent, systemClock);
  if (verdict !== undefined) {
    if (verdict.stderr !== undefined) writeStderr(verdict.stderr);
    return verdict.status;
  }
  await shipHere(settings, configuredStateDirectory(invocation.args, invocation.environment), resolve(path), file);
  return 0;
}

async function shipHere(
  settings: ShipSettings,
  configured: string | undefined,
  path: string,
  file: ReturnType<typeof parseArchiveFileName>,
): Promise<void> {
  const { path: stateDirectory, isTrusted } = findStateDirectory(configured);
  const log = createLog((line) => writeStderr(`${line}\n`), 'warning');
  const shipper = await openShipper(settings, {
    stateDirectory: isTrusted ? stateDirectory : undefined,
    buffers: new ReadBuffers(readBufferCount),
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
    await shipper.close();
  }
}
