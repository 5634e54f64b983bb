import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { dataDirectoryId } from '@archive2/core/agent/agent-address.ts';
import { serverEventsFile } from '@archive2/core/agent/agent-journal.ts';
import { findStateDirectory } from '@archive2/core/agent/state-directory.ts';
import type { Clock } from '@archive2/core/base/clock.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import { silentLog } from '@archive2/core/base/log.ts';
import { usageFailure } from '@archive2/core/cli/arguments.ts';
import { writeStdout } from '@archive2/core/cli/exit.ts';
import { optionalText } from '@archive2/core/cli/option-values.ts';
import { parseMoment } from '@archive2/core/cli/parse-moment.ts';
import { EventLog } from '@archive2/core/files/event-log.ts';
import { commandSpec } from '../options.ts';
import { type DelayControl, horizonMs, pauseDelay, releaseDelay, resumeDelay } from './delay-control.ts';
import { DelayFile, isDelayFile } from './delay-file.ts';

type Change = (control: DelayControl, nowMs: number) => DelayControl;

/**
 * `restore_cmd delay show | pause | resume | release --until TIME [--data-dir DIR]`: holds a delayed standby of this user where it is,
 * or lets it replay up to a moment. It takes effect with the standby's next call, with its agent or without, and survives both.
 */
export async function runDelay(
  words: readonly string[],
  options: Record<string, unknown>,
  environment: Readonly<Record<string, string | undefined>>,
  clock: Clock,
): Promise<number> {
  const [action, ...rest] = words;
  const until = optionalText(options, 'until');
  if (rest.length > 0 || action === undefined || (until !== undefined) !== (action === 'release')) {
    throw usageFailure(commandSpec, 'delay takes show, pause, resume, or release with --until TIME');
  }
  const standbys = delayedStandbys(options, environment, clock);
  if (action === 'show') {
    for (const file of standbys) await writeStdout(describe(file.read(), clock.nowMs()));
    if (standbys.length === 0) await writeStdout('no delayed standby of this user has asked for WAL yet\n');
    return 0;
  }
  const change = changeOf(action, until);
  const control = await theOne(standbys).change((before) => {
    if (before === undefined) throw noDelay();
    return change(before, clock.nowMs());
  });
  await tell(action, control, stateDirectoryOf(options, environment), clock);
  await writeStdout(describe(control, clock.nowMs()));
  return 0;
}

/** Whoever reads the log later asks why the standby stood still. */
async function tell(action: string, control: DelayControl, stateDirectory: string, clock: Clock): Promise<void> {
  const path = serverEventsFile(stateDirectory);
  const events = new EventLog({ path, cluster: undefined, clock, log: silentLog });
  const { dataDirectory, mode } = control;
  const deliversUpTo = iso(horizonMs(control, clock.nowMs()));
  events.note({ event: 'delay-changed', action, mode, dataDirectory, deliversUpTo });
  await events.settled();
}

function stateDirectoryOf(
  options: Record<string, unknown>,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  return findStateDirectory(optionalText(options, 'state-dir') ?? environment['ARCHIVE2_STATE_DIR']).path;
}

function changeOf(action: string, until: string | undefined): Change {
  if (action === 'pause') return pauseDelay;
  if (action === 'resume') return resumeDelay;
  if (action !== 'release' || until === undefined) {
    throw usageFailure(commandSpec, `delay takes show, pause, resume or release, not ${JSON.stringify(action)}`);
  }
  // Files are as fine as milliseconds.
  const untilMs = Math.floor(parseMoment('until', until));
  return (control, nowMs) => {
    const released = releaseDelay(control, untilMs, nowMs);
    if (released !== undefined) return released;
    const upTo = iso(horizonMs(control, nowMs));
    throw new Failure('usage', `${iso(untilMs)} has passed: WAL that was written up to ${upTo} is delivered already`, {
      hint: 'To stop at an earlier moment restore a base backup with recovery_target_time.',
    });
  };
}

function delayedStandbys(
  options: Record<string, unknown>,
  environment: Readonly<Record<string, string | undefined>>,
  clock: Clock,
): DelayFile[] {
  const path = stateDirectoryOf(options, environment);
  const dataDirectory = optionalText(options, 'data-dir');
  if (dataDirectory !== undefined) {
    const id = dataDirectoryId(dataDirectory);
    if (id === undefined) throw new Failure('usage', `there is no data directory ${dataDirectory}`);
    const file = DelayFile.of(path, id, clock);
    if (file.read() === undefined) throw noDelay();
    return [file];
  }
  return namesIn(path).map((name) => new DelayFile(join(path, name), clock));
}

function namesIn(stateDirectory: string): string[] {
  try {
    return readdirSync(stateDirectory).filter(isDelayFile).toSorted();
  } catch {
    // No state directory: nobody has asked yet.
    return [];
  }
}

function theOne(standbys: readonly DelayFile[]): DelayFile {
  const [standby, ...others] = standbys;
  if (standby === undefined) throw noDelay();
  if (others.length === 0) return standby;
  const directories = standbys.map((file) => file.read()?.dataDirectory).join(', ');
  throw new Failure('usage', `there are several delayed standbys: ${directories}`, {
    hint: 'Name one with --data-dir.',
  });
}

function noDelay(): Failure {
  return new Failure('usage', 'there is no delayed standby', {
    hint:
      'Run this as the user who runs it, with the same --state-dir. A standby is known here from its first call with DELAY-SECONDS in ' +
      'restore_command.',
  });
}

function describe(control: DelayControl | undefined, nowMs: number): string {
  if (control === undefined) return '';
  const { dataDirectory, delayMs, mode, sinceMs, last } = control;
  const facts = [
    `delaySeconds=${delayMs / 1000}`,
    `mode=${mode}`,
    `since=${iso(sinceMs)}`,
    `deliversUpTo=${iso(horizonMs(control, nowMs))}`,
    ...(mode === 'released' ? [`lastSegment=${last === undefined ? 'not-yet' : last.name}`] : []),
  ];
  return `${dataDirectory}: ${facts.join(' ')}\n`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
