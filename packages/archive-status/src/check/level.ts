/** As monitoring plugins have it. */
export type Level = 'ok' | 'warning' | 'critical' | 'unknown';

/** What is known to be wrong is told before what is not known. */
const order: readonly Level[] = ['critical', 'warning', 'unknown', 'ok'];

/** Worst first, for sorting. */
export function byLevel(a: { level: Level }, b: { level: Level }): number {
  return order.indexOf(a.level) - order.indexOf(b.level);
}

/** The worst of them; of none it is unknown: nothing was looked at. */
export function worstLevel(levels: readonly Level[]): Level {
  return order.find((level) => levels.includes(level)) ?? 'unknown';
}

export const exitOfLevel: Readonly<Record<Level, number>> = { ok: 0, warning: 1, critical: 2, unknown: 3 };
