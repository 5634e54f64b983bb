import { hostname } from 'node:os';
import { join } from 'node:path';
import { makeStateDirectory } from '@archive2/core/agent/make-state-directory.ts';
import { findStateDirectory } from '@archive2/core/agent/state-directory.ts';
import { Failure, toFailure } from '@archive2/core/base/failure.ts';
import { failureTable } from '@archive2/core/base/failure-table.ts';
import { usageFailure } from '@archive2/core/cli/arguments.ts';
import { optionalText, requiredText, secondsToMs, wholeNumber } from '@archive2/core/cli/option-values.ts';
import { signalsAsAbort } from '@archive2/core/cli/signals-as-abort.ts';
import { programVersion } from '@archive2/core/cli/version.ts';
import { type HeldLock, tryLock } from '@archive2/core/files/lock.ts';
import type { Call, Form } from '../form.ts';
import { eventFilter, filterOptions } from './event-filter.ts';
import { localLogs } from './event-sources.ts';
import type { Notification } from './notify/notification.ts';
import { Notifier } from './notify/notifier.ts';
import { dueAtMs, type NotifyPace } from './notify/notify-pace.ts';
import { readNotifyState } from './notify/notify-state.ts';
import { runHook } from './notify/run-hook.ts';

const lookMs = 1000;

export const notify: Form = {
  spec: {
    command: 'archive-status',
    version: programVersion,
    summary: 'Runs a command for what happens on this machine, with the events on its stdin: for mail, or a chat.',
    usage: [
      'notify --run CMD [--severity warning] [--event NAMES] [--text]     until it is ended',
      'notify --run CMD --once …                                          for cron',
    ],
    options: {
      run: {
        type: 'string',
        describe: 'a line of shell; ARCHIVE2_SUBJECT and ARCHIVE2_SEVERITY are in its environment',
      },
      ...filterOptions,
      cluster: { type: 'string', describe: 'only events of this cluster, and those of none' },
      'cluster-dir': {
        type: 'string',
        describe: 'on an archive host: the cluster directory whose log is followed, too',
      },
      text: { type: 'boolean', default: false, describe: 'lines for people on its stdin instead of JSON' },
      once: { type: 'boolean', default: false, describe: 'what is new since the last time, then end' },
      every: {
        type: 'string',
        default: '60',
        describe: 'seconds between two runs, at least; what comes meanwhile is one batch',
      },
      settle: { type: 'string', default: '3', describe: 'seconds after the first event, for what belongs to it' },
      'run-timeout': {
        type: 'string',
        default: '60',
        describe: 'seconds after which the command is killed, and has failed',
      },
      attempts: { type: 'string', default: '5', describe: 'of a command that fails; then its events are given up' },
      name: {
        type: 'string',
        default: 'default',
        describe: 'of this notifier: each has a place of its own in the log',
      },
      'state-dir': { type: 'string', describe: 'where the place, and the agents’ log, are; as ARCHIVE2_STATE_DIR' },
    },
    exitStatus: [
      ['0', 'everything was delivered (--once), or a signal ended it'],
      ['2', 'wrong usage'],
      ['40', 'another notifier of this name is at work'],
      ['42', '--once: the command failed; the next run tries again'],
      ['3-125', 'the failures of docs/exit-statuses.md'],
    ],
    examples: [
      [`archive-status notify --severity warning --text --run 'mail -s "$ARCHIVE2_SUBJECT" dba@example.com'`, 'mails'],
      ["archive-status notify --run '/usr/local/bin/to-chat' --name chat", 'a second one, with JSON'],
    ],
  },
  run,
};

async function run(call: Call): Promise<number> {
  const { words, options, environment, clock, log } = call;
  if (words.length > 0) throw usageFailure(notify.spec, `${JSON.stringify(words[0])} is not known`);
  const name = notifierName(requiredText(options, 'name'));
  const { path: stateDirectory } = findStateDirectory(
    optionalText(options, 'state-dir') ?? environment['ARCHIVE2_STATE_DIR'],
  );
  if (!makeStateDirectory(stateDirectory)) {
    throw new Failure('state_directory', `${stateDirectory} is not a directory of this user alone`, {
      hint: 'Make it with mode 0700, or name another one with --state-dir.',
    });
  }
  const signal = signalsAsAbort('the notifier');
  const timing = {
    settleMs: secondsToMs(options, 'settle', 0, 600),
    everyMs: secondsToMs(options, 'every', 0, 86_400),
  };
  const statePath = join(stateDirectory, `notify-${name}.json`);
  const maxFailures = wholeNumber(options, 'attempts', 1, 1000);
  const deliver = delivery(call, stateDirectory, signal);
  const filter = eventFilter(options);
  const lock = takeLock(join(stateDirectory, `notify-${name}.lock`), name);
  try {
    const state = await readNotifyState(statePath);
    const given = { logs: localLogs(call), filter, statePath, deliver, maxFailures, clock, log };
    const notifier = await Notifier.open(given, state);
    return options['once'] === true ? await runOnce(notifier) : await follow(call, notifier, timing, signal);
  } finally {
    lock.release();
  }
}

async function runOnce(notifier: Notifier): Promise<number> {
  await notifier.gather();
  const delivered = await notifier.deliver();
  return delivered === 'failed' || delivered === 'given-up' ? failureTable.check_failed.exit : 0;
}

async function follow(call: Call, notifier: Notifier, pace: NotifyPace, signal: AbortSignal): Promise<number> {
  const { clock } = call;
  const gather = readingWhenItCan(call, notifier);
  let lastRunMs = Number.NEGATIVE_INFINITY;
  let firstEventMs: number | undefined;
  try {
    while (!signal.aborted) {
      await gather();
      const nowMs = clock.monotonicMs();
      if (notifier.waiting > 0) firstEventMs ??= nowMs;
      if (firstEventMs === undefined) {
        await notifier.deliver();
      } else if (nowMs >= dueAtMs(pace, firstEventMs, lastRunMs, notifier.failures)) {
        const delivered = await notifier.deliver();
        lastRunMs = clock.monotonicMs();
        if (delivered !== 'failed') firstEventMs = undefined;
      }
      await clock.sleep(lookMs, signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    // Broken off in the middle of a delivery: the next start delivers it again.
  }
  return 0;
}

/** A disk that is away may come back: what it keeps is told then. */
function readingWhenItCan({ log }: Call, notifier: Notifier): () => Promise<void> {
  let isReadable = true;
  return async () => {
    try {
      await notifier.gather();
      isReadable = true;
    } catch (error) {
      if (isReadable) log.warning('log not read', { reason: toFailure(error).message });
      isReadable = false;
    }
  };
}

function delivery({ options, environment, clock, timeZone }: Call, directory: string, signal: AbortSignal) {
  const hook = {
    command: requiredText(options, 'run'),
    timeoutMs: secondsToMs(options, 'run-timeout', 0.1, 3600),
    directory,
    environment,
    clock,
  };
  const machine = hostname();
  return async (notification: Notification): Promise<string | undefined> => {
    const text = options['text'] === true ? notification.text(timeZone) : notification.json(machine);
    const variables = {
      ARCHIVE2_SUBJECT: notification.subject(machine),
      ARCHIVE2_SEVERITY: notification.severity,
      ARCHIVE2_EVENT_COUNT: String(notification.count),
    };
    const problem = await runHook(hook, { text, variables }, signal);
    signal.throwIfAborted();
    return problem;
  };
}

function notifierName(text: string): string {
  if (/^[a-z0-9][a-z0-9-]{0,31}$/.test(text)) return text;
  throw new Failure('usage', `--name ${JSON.stringify(text)} is not 1 to 32 of a-z, 0-9 and -`);
}

function takeLock(path: string, name: string): HeldLock {
  const lock = tryLock(path);
  if (lock !== undefined) return lock;
  throw new Failure('busy', `another notifier ${name} is at work`, {
    hint: 'Give this one another --name, or end that one.',
  });
}
