import { createHash } from 'node:crypto';
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
export function recoveryTextOf(
  { target, timeline, isStandby }: RestoreWish,
  action: string,
  takeOver: boolean,
): string {
  const text = (_key: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);
  return JSON.stringify({ target, timeline, isStandby, action, takeOver }, text);
}
