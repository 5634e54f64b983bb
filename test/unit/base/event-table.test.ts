import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventTable, isEventName } from '@archive2/core/base/event-table.ts';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../../..');
const document = readFileSync(join(root, 'docs/events.md'), 'utf8');
const where = { server: 'database server', archive: 'archive host', both: 'both' };

describe('the table of events', () => {
  test('is the one in docs/events.md', () => {
    const rows = Object.entries(eventTable).map(
      ([name, { severity, on, meaning }]) => `| \`${name}\` | ${severity} | ${where[on]} | ${meaning} |`,
    );
    const [, section = ''] = /## All events\n\n\|.*\n\|.*\n((?:\|.*\n)+)/.exec(document) ?? [];
    expect(section.trimEnd().split('\n')).toEqual(rows);
  });

  test('has no event that nothing tells', () => {
    const sources = globSync('packages/*/src/**/*.ts', { cwd: root }).filter(
      (path) => !path.endsWith('event-table.ts'),
    );
    const text = sources.map((path) => readFileSync(join(root, path), 'utf8')).join('');
    expect(Object.keys(eventTable).filter((name) => !text.includes(`'${name}'`))).toEqual([]);
  });

  test('has the events that docs/events.md names elsewhere', () => {
    const faults = document.slice(document.indexOf('## Where each failure shows'));
    const column = faults.split('\n').flatMap((row) => row.split(' | ')[1] ?? []);
    const named = column.join(' ').match(/`[a-z]+(?:-[a-z]+)+`/g) ?? [];
    expect(named.length).toBeGreaterThan(20);
    expect(named.map((name) => name.slice(1, -1)).filter((name) => !isEventName(name))).toEqual([]);
  });
});
