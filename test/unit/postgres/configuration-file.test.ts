import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readFileSetting } from '../../../packages/core/src/postgres/configuration-file.ts';

function dataDirectory(files: Record<string, string>): string {
  const directory = mkdtempSync(join(tmpdir(), 'archive2-conf-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  return directory;
}

const conninfo = (files: Record<string, string>) => readFileSetting(dataDirectory(files), 'primary_conninfo');

test.each([
  ["primary_conninfo = 'host=db1'", 'host=db1'],
  ["  primary_conninfo='host=db1'# why", 'host=db1'],
  ["PRIMARY_CONNINFO 'host=db1'", 'host=db1'],
  ["primary_conninfo = 'password=''x'' host=db1'", "password='x' host=db1"],
  ['primary_conninfo = host', 'host'],
  ["primary_conninfo = ''", ''],
  ["primary_conninfo = 'a'\nprimary_conninfo = 'b'", 'b'],
  ["#primary_conninfo = 'host=db1'", undefined],
  ["primary_conninfo_x = 'host=db1'", undefined],
  ["primary_slot_name = 'primary_conninfo = x'", undefined],
])('the line %j says %j', (text, expected) => {
  expect(conninfo({ 'postgresql.conf': text })).toBe(expected);
});

test('postgresql.auto.conf counts after postgresql.conf', () => {
  const line = (value: string) => `primary_conninfo = '${value}'\n`;
  expect(conninfo({ 'postgresql.conf': line('a'), 'postgresql.auto.conf': line('b') })).toBe('b');
  expect(conninfo({ 'postgresql.conf': line('a'), 'postgresql.auto.conf': '' })).toBe('a');
  expect(conninfo({ 'postgresql.auto.conf': line('b') })).toBe('b');
  expect(conninfo({})).toBeUndefined();
});

test('included files count where they are included', () => {
  const files = {
    'postgresql.conf':
      "primary_conninfo = 'a'\ninclude 'more.conf'\ninclude_dir = 'conf.d'\ninclude_if_exists 'none.conf'\n",
    'more.conf': "primary_conninfo = 'b'\nprimary_slot_name = 's'\n",
    'conf.d/2.conf': "primary_conninfo = 'd'\n",
    'conf.d/1.conf': "primary_conninfo = 'c'\n",
    'conf.d/3.off': "primary_conninfo = 'e'\n",
  };
  expect(conninfo(files)).toBe('d');
  expect(conninfo({ 'postgresql.conf': "include 'postgresql.conf'\nprimary_conninfo = 'a'\n" })).toBe('a');
});

test('a configuration file elsewhere is where the server was told', () => {
  const etc = dataDirectory({ 'postgresql.conf': "primary_conninfo = 'a'\n" });
  const started = `/usr/lib/postgresql/15/bin/postgres "-D" "/data" "-c" "config_file=${etc}/postgresql.conf"\n`;
  expect(conninfo({ 'postmaster.opts': started })).toBe('a');
});
