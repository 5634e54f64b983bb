import { readFile, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { Failure, systemErrorCode } from '@archive2/core/base/failure.ts';
import { readArchiveOptions } from '@archive2/core/cli/archive-options.ts';
import { usageFailure } from '@archive2/core/cli/arguments.ts';
import { fraction, optionalText, requiredText, secondsToMs, sizeToBytes } from '@archive2/core/cli/option-values.ts';
import type { Check } from '@archive2/core/restore/server/checks/check.ts';
import { checkOfOption, parseChecks } from '@archive2/core/restore/server/checks/parse-checks.ts';
import type { Settings } from '@archive2/core/restore/server/settings-text.ts';
import type { DrillWish } from './choose/choose-backup.ts';
import type { DrillOrder } from './drill-order.ts';
import { commandSpec } from './options.ts';

const mebibyte = 1024 * 1024;

/** What the options ask for. Reads the file of checks. Throws Failure `usage`. */
export async function readOrder(
  options: Record<string, unknown>,
  { host, stateDirectory }: { host: string | undefined; stateDirectory: string },
): Promise<DrillOrder> {
  const archive = await readArchiveOptions(options);
  return {
    archive,
    host: host ?? hostname().split('.')[0] ?? hostname(),
    wish: readWish(options),
    target: readTarget(options),
    scratchDirectory: readScratch(options, stateDirectory),
    stateDirectory,
    keepOnFailure: options['keep-on-failure'] !== false,
    checks: await readChecks(options, archive.cluster),
    checkDatabase: optionalText(options, 'check-database'),
    amcheck: options['amcheck'] === true || options['heapallindexed'] === true,
    heapAllIndexed: options['heapallindexed'] === true,
    dump: options['dump'] === true,
    maxRpoMs: options['max-rpo'] === 'none' ? undefined : secondsToMs(options, 'max-rpo', 1, 3650 * 86_400),
    minShare: fraction(options, 'min-share'),
    allowEmpty: options['allow-empty'] === true,
    systemIdentifier: readSystemIdentifier(options),
    binDirectory: optionalText(options, 'bindir'),
    databaseUser: requiredText(options, 'dbuser'),
    memoryBytes: Math.max(64 * mebibyte, sizeToBytes(options, 'memory', 2 ** 50)),
    stallLimitMs: secondsToMs(options, 'replay-stall', 1, 7 * 86_400),
    settings: readSettings(options),
  };
}

function readWish(options: Record<string, unknown>): DrillWish {
  const named = optionalText(options, 'backup');
  const rotate = options['rotate'] === true;
  if ([named !== undefined, rotate, options['newest'] === true].filter(Boolean).length > 1) {
    throw usageFailure(commandSpec, 'only one of --newest, --rotate and --backup');
  }
  if (rotate) return { kind: 'rotate' };
  if (named === undefined) return { kind: 'newest' };
  const [, host, name] = /^(?:(.*):)?([^:]+)$/.exec(named) ?? [];
  if (name === undefined) throw usageFailure(commandSpec, `--backup ${JSON.stringify(named)} is no backup`);
  return { kind: 'named', host, name };
}

function readTarget(options: Record<string, unknown>): 'latest' | 'random' {
  const target = requiredText(options, 'target');
  if (target === 'latest' || target === 'random') return target;
  throw usageFailure(commandSpec, `--target is latest or random, not ${JSON.stringify(target)}`);
}

function readScratch(options: Record<string, unknown>, stateDirectory: string): string {
  const scratch = optionalText(options, 'scratch') ?? join(stateDirectory, 'drill');
  if (isAbsolute(scratch)) return join(scratch);
  throw usageFailure(commandSpec, '--scratch is not an absolute path');
}

async function readChecks(options: Record<string, unknown>, cluster: string): Promise<Check[]> {
  const single = listOf(options['check']).map(checkOfOption);
  const path = optionalText(options, 'checks');
  if (path === undefined) return single;
  const file = (await isDirectory(path)) ? join(path, `${cluster}.sql`) : path;
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    // In a directory for many clusters, one may have none.
    if (file !== path && systemErrorCode(error) === 'ENOENT') return undefined;
    throw new Failure('usage', `--checks ${file} cannot be read: ${systemErrorCode(error) ?? String(error)}`);
  });
  return [...single, ...(text === undefined ? [] : parseChecks(text, file))];
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    // Reading it says what is wrong.
    return false;
  }
}

function readSystemIdentifier(options: Record<string, unknown>): string | undefined {
  const text = optionalText(options, 'system-identifier');
  if (text === undefined || /^\d{1,20}$/.test(text)) return text;
  throw usageFailure(commandSpec, `--system-identifier ${JSON.stringify(text)} is no number`);
}

function readSettings(options: Record<string, unknown>): Settings {
  const pairs = listOf(options['set']).map((text) => {
    const [, name, value] = /^([A-Za-z_][\w.]*)=(.*)$/s.exec(text) ?? [];
    if (name === undefined || value === undefined) {
      throw usageFailure(commandSpec, `--set ${JSON.stringify(text)} is not NAME=VALUE`);
    }
    return [name, value] as const;
  });
  return Object.fromEntries(pairs);
}

/** Of an option that may be repeated; the settings file has one value. */
function listOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(String);
  return typeof value === 'string' ? [value] : [];
}
