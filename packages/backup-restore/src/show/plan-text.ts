import { formatBytes } from '@archive2/core/base/byte-size.ts';
import { paint } from '@archive2/core/cli/table.ts';
import type { Layout } from '@archive2/core/cli/terminal.ts';
import { describeTarget } from '@archive2/core/restore/server/recovery-target.ts';
import { formatLsn } from '@archive2/core/wal/lsn.ts';
import { formatMomentAndAge } from '../plan/moment-text.ts';
import type { WholePlan } from '../whole-plan.ts';

/** The plan, a line for each thing that a person has to agree with. Pure. */
export function formatPlan(whole: WholePlan, nowMs: number, layout: Layout): string {
  const { plan, warnings } = whole;
  const lines: (readonly [string, string])[] = [
    ['restore', `cluster ${plan.cluster} to ${whole.target}, as ${whole.account.name}`],
    ['up to', targetLine(whole, nowMs)],
    ['backup', backupLine(whole, nowMs)],
    ['WAL', walLine(whole, nowMs)],
    ['directory', directoryLine(whole)],
    ...[...whole.tablespaces].map(([oid, path]) => ['tablespace', `${oid} in ${path}`] as const),
    ...whole.space.map(({ path, neededBytes, freeBytes }) => {
      return ['space', `about ${formatBytes(neededBytes)} at ${path}, ${formatBytes(freeBytes)} are free`] as const;
    }),
    ['server', serverLine(whole)],
    ['archiving', archivingLine(whole)],
  ];
  const width = Math.max(...lines.map(([name]) => name.length), 'WARNING'.length);
  const text = lines.map(([name, line]) => `  ${name.padEnd(width)}  ${line}\n`).join('');
  const warned = warnings.map((line) => `  ${paint('WARNING'.padEnd(width), 'warning', layout)}  ${line}\n`).join('');
  const lost = plan.losses.map((line) => `  ${paint('LOSS'.padEnd(width), 'bad', layout)}  ${line}\n`).join('');
  return `${paint('The plan', 'title', layout)}\n${text}${warned}${lost}`;
}

function targetLine({ plan, action }: WholePlan, nowMs: number): string {
  const { target, isStandby } = plan.wish;
  if (isStandby) return `a standby: it follows the archive along timeline ${plan.timeline} and later ones`;
  if (target.kind === 'latest') {
    const { endMs, end } = plan.reach;
    const when = endMs === undefined ? '' : `, ${formatMomentAndAge(endMs, nowMs)}`;
    return `the end of the archived WAL, ${formatLsn(end)}${when}; then it opens on a new timeline`;
  }
  const then = {
    pause: 'then it waits there, open for reading',
    promote: 'then it opens on a new timeline',
    shutdown: 'then it shuts down',
  }[action];
  const edge = 'inclusive' in target && !target.inclusive ? ', exclusive' : '';
  return `${describeTarget(target)}${edge}; ${then}`;
}

function backupLine({ plan }: WholePlan, nowMs: number): string {
  const [{ backup, place }, ...others] = plan.copies;
  const from = [place, ...others.map((copy) => copy.place)].map(({ name }) => name).join(', ');
  const ended = backup.endedMs === undefined ? '' : `, ended ${formatMomentAndAge(backup.endedMs, nowMs)}`;
  const data = backup.sourceBytes === undefined ? '' : `, ${formatBytes(backup.sourceBytes)} of data`;
  const stored = backup.sizeBytes === undefined ? '' : ` in ${formatBytes(backup.sizeBytes)}`;
  return `${backup.name} of ${from}${ended}${data}${stored}; PostgreSQL ${plan.major}`;
}

function walLine({ plan }: WholePlan, nowMs: number): string {
  const { reach, timeline, hosts } = plan;
  const names = hosts.map(({ place }) => place.name).join(', ');
  const end = reach.endMs === undefined ? '' : `, ${formatMomentAndAge(reach.endMs, nowMs)}`;
  const hole = reach.missing === undefined ? '' : `; a hole follows, ${reach.missing.from} to ${reach.missing.to}`;
  return `timeline ${timeline}, without a gap from ${formatLsn(plan.copies[0].backup.start.lsn)} to ${formatLsn(reach.end)}${end}${hole}; from ${names}`;
}

function directoryLine({ use, target, asideName, removes }: WholePlan): string {
  switch (use) {
    case 'make':
      return 'is made';
    case 'fill':
      return 'is there and empty';
    case 'move':
      return `what is there is moved to ${asideName}; nothing of it is removed`;
    case 'redo':
      return removes === undefined
        ? 'holds this restore, interrupted: it goes on'
        : `holds a restore of ${removes} that was interrupted: that is removed`;
    case 'resume':
      return `${target} holds this restore, all files are there: its server is what is left to do`;
  }
}

function serverLine({ start, major, settings }: WholePlan): string {
  const said = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  const whole = said.length === 0 ? '' : `, with ${said.join(', ')}`;
  return start ? `PostgreSQL ${major} is started${whole}, and watched until it is there` : `is not started${whole}`;
}

function archivingLine({ takeOver, plan }: WholePlan): string {
  if (!takeOver) return 'is switched off in this copy: it never archives into the archive it comes from';
  return `STAYS ON: it replaces the primary, and archives to where that did. The old primary of ${plan.cluster} must never run again`;
}
