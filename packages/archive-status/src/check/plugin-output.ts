import { escapeControls } from '@archive2/core/base/log.ts';
import type { Finding, Verdict } from './judge-cluster.ts';
import { type Level, worstLevel } from './level.ts';
import type { Measure } from './rule.ts';

/** What the first line tells of; the rest follows below. */
const toldFirst = 4;
/** Some monitors cut a line that is longer. */
const longestLine = 1000;

/**
 * The output of a monitoring plugin: a line with status, text and perfdata, then every finding on a line of its own, worst first. By
 * https://www.monitoring-plugins.org/doc/guidelines.html. Pure.
 */
export function pluginOutput(verdicts: readonly Verdict[]): { level: Level; text: string } {
  const level = worstLevel(verdicts.map((verdict) => verdict.level));
  const isOne = verdicts.length === 1;
  const place = (cluster: string) => (isOne ? '' : `${cluster}: `);
  const bad = verdicts.flatMap(({ cluster, findings }) =>
    findings.filter(({ level, counts }) => level !== 'ok' && counts).map((finding) => ({ ...finding, cluster })),
  );
  const worstFirst = [...bad.filter((it) => it.level === level), ...bad.filter((it) => it.level !== level)];
  const told = [...new Set(worstFirst.map(({ cluster, text }) => `${place(cluster)}${text}`))];
  const names = verdicts.map(({ cluster }) => cluster).join(', ');
  const more = told.length > toldFirst ? [`${told.length - toldFirst} more below`] : [];
  const summary = told.length === 0 ? `${names}: all is well` : [...told.slice(0, toldFirst), ...more].join('; ');
  const first = `ARCHIVE ${level.toUpperCase()} - ${isOne && told.length > 0 ? `${names}: ` : ''}${summary}`;
  const perfdata = verdicts.flatMap(({ cluster, findings }) =>
    findings.flatMap(({ measures }) =>
      (measures ?? []).map((measure) => perfdatum(measure, isOne ? '' : `${cluster}_`)),
    ),
  );
  const lines = verdicts.flatMap(({ cluster, findings }) =>
    findings.map((finding) => findingLine(finding, place(cluster))),
  );
  const head = perfdata.length === 0 ? plain(first) : `${plain(first)} | ${perfdata.join(' ')}`;
  return { level, text: `${[head, ...lines].join('\n')}\n` };
}

/** What a failure of the check itself prints: never anything but UNKNOWN. */
export function failureOutput(message: string, hint: string | undefined): string {
  return `${plain(`ARCHIVE UNKNOWN - ${message}`)}${hint === undefined ? '' : `\n${plain(hint)}`}\n`;
}

function findingLine({ rule, level, text, counts }: Finding, place: string): string {
  const word = counts ? level.toUpperCase() : 'not known';
  return plain(`${word.padEnd(9)} ${place}${rule}: ${text}`);
}

/** A bar would begin the perfdata, and a newline another line. */
function plain(text: string): string {
  const line = escapeControls(text).replaceAll('|', '/');
  return line.length > longestLine ? `${line.slice(0, longestLine)}…` : line;
}

/** 'label'=value[UOM];[warn];[crit];[min];[max] */
function perfdatum({ label, value, unit, limits, max }: Measure, prefix: string): string {
  const name = `${prefix}${label}`.replaceAll(/['=|\s]/g, '_');
  const { warning, critical } = limits ?? { warning: '', critical: '' };
  const top = unit === '%' ? 100 : (max ?? '');
  return `'${name}'=${value}${unit};${warning};${critical};0;${top}`.replace(/;+$/, '');
}
