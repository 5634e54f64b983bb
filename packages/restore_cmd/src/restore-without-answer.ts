import { dataDirectoryId } from '@archive2/core/agent/agent-address.ts';
import type { NoVerdict } from '@archive2/core/agent/client.ts';
import { makeStateDirectory } from '@archive2/core/agent/make-state-directory.ts';
import { configuredStateDirectory, findStateDirectory } from '@archive2/core/agent/state-directory.ts';
import { systemClock } from '@archive2/core/base/clock.ts';
import { createLog, type Log } from '@archive2/core/base/log.ts';
import { compileOnce, keepFreedMemory } from '@archive2/core/base/runtime-settings.ts';
import { agentFlags } from '@archive2/core/cli/agent-settings.ts';
import { askNewAgent } from '@archive2/core/cli/ask-new-agent.ts';
import { writeStderr } from '@archive2/core/cli/exit.ts';
import type { Invocation } from '@archive2/core/cli/invocation.ts';
import { parseArchiveFileName } from '@archive2/core/wal/archive-file.ts';
import { type Asker, statusOfFailure } from './answer.ts';
import { DelayFile } from './delay/delay-file.ts';
import { type DelayGate, delayGate } from './delay/delay-gate.ts';
import { deliverFile } from './deliver-file.ts';
import { fetchWords, readFetchSettings } from './options.ts';
import { restoreFile } from './restore-file.ts';

/**
 * Fetches a file when no agent gave a verdict: starts an agent and asks it, or fetches in this process. Outside a recovering data
 * directory (pg_rewind, by hand) always the latter: a single file, with no prefetch. Resolves with the exit status.
 */
export async function restoreWithoutAnswer(
  invocation: Invocation,
  words: readonly string[],
  options: Record<string, unknown>,
  asker: Asker,
  unanswered: NoVerdict | undefined,
): Promise<number> {
  const { hostList, walDirectory, name, path, delaySeconds } = fetchWords(words);
  parseArchiveFileName(name);
  const settings = readFetchSettings(hostList, walDirectory, delaySeconds, options, invocation.environment);
  const log = createLog((line) => writeStderr(`${line}\n`), options['verbose'] === true ? 'debug' : 'info');
  if (unanswered === 'late') {
    log.error('the agent gave no answer in its time', { name });
    return statusOfFailure(asker);
  }
  if (options['agent'] !== false && asker !== 'elsewhere') {
    const runtime = { ...compileOnce, ...keepFreedMemory };
    const agent = { role: 'get' as const, command: 'restore_cmd', unanswered, flags: agentFlags(options), runtime };
    const verdict = await askNewAgent(invocation, agent, systemClock);
    if (verdict !== undefined) {
      if (verdict.stderr !== undefined) writeStderr(verdict.stderr);
      if (verdict.status !== 0) return verdict.status;
      if (verdict.deliver !== undefined) {
        await deliverFile(verdict.deliver, path);
        return 0;
      }
    }
  }
  const gate = directGate(invocation, settings.delayMs, log);
  return await restoreFile({ settings, asker, name, path, gate }, systemClock, log);
}

/** What an operator said of a delayed standby counts without an agent too. */
function directGate(invocation: Invocation, delayMs: number, log: Log): DelayGate | undefined {
  if (delayMs === 0) return undefined;
  const { path } = findStateDirectory(configuredStateDirectory(invocation.args, invocation.environment));
  const id = dataDirectoryId('.');
  const file = id !== undefined && makeStateDirectory(path) ? DelayFile.of(path, id, systemClock) : undefined;
  return delayGate({ file, delayMs, dataDirectory: process.cwd(), clock: systemClock, log });
}
