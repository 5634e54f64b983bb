import { formatSettings, type Settings } from './settings-text.ts';

const mark = '# archive2: what this restore needs. These lines count over all others.';

/**
 * postgresql.auto.conf with `settings` as its last lines. PostgreSQL reads this file after postgresql.conf and all that it includes,
 * and of several lines for one name the last one counts, so nothing that came with a backup has a say. Lines for the same names that
 * ALTER SYSTEM of the old server left, and those of an earlier restore, are dropped; `dropped` has the former. Idempotent. Pure.
 */
export function rewriteAutoConf(text: string, settings: Settings): { text: string; dropped: string[] } {
  const names = new Set(Object.keys(settings).map((name) => name.toLowerCase()));
  const kept: string[] = [];
  const dropped: string[] = [];
  let isOurs = false;
  for (const line of text.split('\n')) {
    if (line === mark) isOurs = true;
    const name = /^\s*([A-Za-z_][\w.$]*)/.exec(line)?.[1]?.toLowerCase();
    if (line === mark || (name !== undefined && names.has(name))) {
      if (!isOurs) dropped.push(line);
    } else {
      kept.push(line);
    }
  }
  while (kept.at(-1) === '') kept.pop();
  const before = kept.length === 0 ? '' : `${kept.join('\n')}\n`;
  return { text: `${before}${mark}\n${formatSettings(settings)}`, dropped };
}
