import { randomBytes } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode } from '../base/failure.ts';
import type { CooldownState, HostRecord } from './cooldown.ts';

const fileName = 'cooldown.json';
/** More hosts than any command line names; a file with more was not written by us. */
const hostLimit = 64;

/** Reads `cooldown.json` of a state directory. A missing or damaged file is an empty state: at worst a host is tried once more. */
export async function loadCooldown(stateDirectory: string): Promise<CooldownState> {
  try {
    return parseCooldown(await readFile(join(stateDirectory, fileName), 'utf8'));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return new Map();
    throw error;
  }
}

/**
 * Replaces `cooldown.json` (mode 0600) at once: a reader sees the old or the new state. Not durable: after a power cut a host
 * is tried once more, which an fsync for each failed call would not be worth.
 *
 * @throws the system error when the directory cannot be written
 */
export async function saveCooldown(stateDirectory: string, state: CooldownState): Promise<void> {
  const part = join(stateDirectory, `.${fileName}.${randomBytes(6).toString('hex')}.part`);
  try {
    await writeFile(part, formatCooldown(state), { mode: 0o600, flag: 'wx' });
    await rename(part, join(stateDirectory, fileName));
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

/** `{"version":1,"hosts":{"<spec>":{"failures":3,"failedAtMs":1760000000000}}}` */
function formatCooldown(state: CooldownState): string {
  return `${JSON.stringify({ version: 1, hosts: Object.fromEntries([...state].slice(-hostLimit)) })}\n`;
}

/** The state in the text of a `cooldown.json`; empty when the text is not one. */
export function parseCooldown(text: string): CooldownState {
  const state = new Map<string, HostRecord>();
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return state;
  }
  if (!isObject(content) || content['version'] !== 1 || !isObject(content['hosts'])) return state;
  for (const [host, record] of Object.entries(content['hosts']).slice(0, hostLimit)) {
    if (!isObject(record)) continue;
    const { failures, failedAtMs } = record;
    if (isCount(failures) && isCount(failedAtMs)) state.set(host, { failures, failedAtMs });
  }
  return state;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
