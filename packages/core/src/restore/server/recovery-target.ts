import { formatLsn, type Lsn } from '../../wal/lsn.ts';
import type { TimelineId } from '../../wal/timeline-id.ts';
import type { Settings } from './settings-text.ts';

/** How far a recovery goes. `inclusive`: what happened at the very point is there, too. Microseconds are the fraction of `timeMs`. */
export type RecoveryTarget =
  | { readonly kind: 'latest' }
  | { readonly kind: 'immediate' }
  | { readonly kind: 'time'; readonly timeMs: number; readonly inclusive: boolean }
  | { readonly kind: 'lsn'; readonly lsn: Lsn; readonly inclusive: boolean }
  | { readonly kind: 'xid'; readonly xid: string; readonly inclusive: boolean }
  | { readonly kind: 'name'; readonly name: string };

export type TargetTimeline = 'latest' | 'current' | TimelineId;

/** What the server does at its target; the end of the WAL is always followed by a promotion. */
export type TargetAction = 'pause' | 'promote' | 'shutdown';

const targetNames = [
  'recovery_target',
  'recovery_target_time',
  'recovery_target_lsn',
  'recovery_target_name',
  'recovery_target_xid',
];

/**
 * The settings of a recovery's end. Targets that are not meant are cleared first, and the one that is meant comes last: PostgreSQL
 * applies them in the order of the file, and refuses to start when one is set while another is. Pure.
 */
export function targetSettings(target: RecoveryTarget, timeline: TargetTimeline, action: TargetAction): Settings {
  const [name, value] = targetSetting(target);
  const cleared = Object.fromEntries(targetNames.filter((other) => other !== name).map((other) => [other, '']));
  return {
    ...cleared,
    recovery_target_inclusive: 'inclusive' in target && !target.inclusive ? 'off' : 'on',
    recovery_target_timeline: String(timeline),
    recovery_target_action: action,
    ...(name === undefined ? {} : { [name]: value }),
  };
}

function targetSetting(target: RecoveryTarget): [name: string | undefined, value: string] {
  switch (target.kind) {
    case 'latest':
      return [undefined, ''];
    case 'immediate':
      return ['recovery_target', 'immediate'];
    case 'time':
      return ['recovery_target_time', formatTargetTime(target.timeMs)];
    case 'lsn':
      return ['recovery_target_lsn', formatLsn(target.lsn)];
    case 'xid':
      return ['recovery_target_xid', target.xid];
    case 'name':
      return ['recovery_target_name', target.name];
  }
}

/** "2026-11-21 10:07:21.123456+00": the same moment in whatever time zone the server is, to the microsecond. Pure. */
function formatTargetTime(timeMs: number): string {
  const [date = '', time = ''] = new Date(Math.floor(timeMs)).toISOString().split('T');
  const micros = Math.round((timeMs - Math.floor(timeMs)) * 1000);
  const fine = micros === 0 ? '' : String(Math.min(micros, 999)).padStart(3, '0');
  return `${date} ${time.replace('Z', '')}${fine}+00`;
}

/** "the end of the WAL", "2026-11-21 10:07:21.123+00", "transaction 733". Pure. */
export function describeTarget(target: RecoveryTarget): string {
  switch (target.kind) {
    case 'latest':
      return 'the end of the WAL';
    case 'immediate':
      return 'the end of the backup';
    case 'time':
      return formatTargetTime(target.timeMs);
    case 'lsn':
      return formatLsn(target.lsn);
    case 'xid':
      return `transaction ${target.xid}`;
    case 'name':
      return `restore point ${JSON.stringify(target.name)}`;
  }
}
