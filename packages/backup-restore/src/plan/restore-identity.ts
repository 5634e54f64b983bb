import { createHash } from 'node:crypto';
import type { Settings } from '@archive2/core/restore/server/settings-text.ts';
import type { RestorePlan } from './restore-plan.ts';
import type { RestoreWish } from './restore-wish.ts';

/**
 * Names a restore by what it writes and where: the same backup into the same directories is the same restore, whoever calls for it and
 * however often. Pure.
 */
export function planIdOf(plan: RestorePlan, target: string, tablespaces: ReadonlyMap<string, string>): string {
  const [{ backup }] = plan.copies;
  const parts = [
    plan.cluster,
    String(plan.identity.systemIdentifier),
    backup.name,
    backup.manifestSha256 ?? '',
    target,
    ...[...tablespaces].map(([oid, path]) => `${oid} ${path}`).toSorted(),
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

/** What a server is told of its recovery, in one line: a server that began with it cannot go on with another. Pure. */
export function recoveryTextOf(order: {
  wish: RestoreWish;
  action: string;
  takeOver: boolean;
  primaryConninfo: string | undefined;
  settings: Settings;
}): string {
  const { wish, action, takeOver, primaryConninfo, settings } = order;
  const { target, timeline, isStandby } = wish;
  const text = (_key: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);
  return JSON.stringify({ target, timeline, isStandby, action, takeOver, primaryConninfo, settings }, text);
}
