import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Failure } from '../../../packages/core/src/base/failure.ts';
import { parseHostList, parseHostSpec } from '../../../packages/core/src/hosts/host-spec.ts';
import { refusal } from './refusal.ts';

describe('a host spec', () => {
  test.each([
    ['backup1', { host: 'backup1' }],
    ['postgres@backup1', { user: 'postgres', host: 'backup1' }],
    ['postgres@backup1.example.org:2222', { user: 'postgres', host: 'backup1.example.org', port: 2222 }],
    ['10.0.0.7:22', { host: '10.0.0.7', port: 22 }],
    ['[::1]:2222', { host: '::1', port: 2222 }],
    ['pg@[fe80::1%eth0]', { user: 'pg', host: 'fe80::1%eth0' }],
    ['alice@example.org@backup1', { user: 'alice@example.org', host: 'backup1' }],
  ])('%s is understood', (text, parts) => {
    expect(parseHostSpec(text)).toEqual({ text, ...parts });
  });

  test.each([
    '',
    '-oProxyCommand=id',
    'user@-host',
    '-l@host',
    'a b',
    'host\n',
    'host\u0000',
    '\u001b[2Jhost',
    '@host',
    'user@',
    'host:',
    'host:0',
    'host:65536',
    'host:22x',
    'host:/path',
    '::1',
    'fe80::1:22',
    '[host]',
    '[::1',
    '[::1]22',
    '$(id)',
    'host;id',
    'ssh://host',
    'h'.repeat(301),
  ])('%j is refused as usage, with a hint', async (text) => {
    const failure = await refusal(() => parseHostSpec(text));
    expect(failure.code).toBe('usage');
    expect(failure.hint).toMatch(/Write \[user@\]host/);
  });

  test('whatever is accepted has only the characters of names and addresses, and reads back the same', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.stringMatching(/^[a-z@:[\]0-9.-]{1,20}$/)),
        (text) => {
          let spec: ReturnType<typeof parseHostSpec>;
          try {
            spec = parseHostSpec(text);
          } catch (error) {
            expect(error).toBeInstanceOf(Failure);
            return;
          }
          expect(spec.host).toMatch(/^[A-Za-z0-9._:%][A-Za-z0-9._:%-]*$/);
          expect(spec.user ?? 'u').not.toMatch(/^-|[\s'"`;&|<>(){}]/);
          expect(parseHostSpec(spec.text)).toEqual(spec);
        },
      ),
    );
  });
});

describe('a host list', () => {
  test('one host, two by a space, two by a comma are lists in their order', () => {
    expect(parseHostList('h1').map((h) => h.text)).toEqual(['h1']);
    expect(parseHostList(' h1  pg@h2:5022 ').map((h) => h.text)).toEqual(['h1', 'pg@h2:5022']);
    expect(parseHostList('h2,h1').map((h) => h.text)).toEqual(['h2', 'h1']);
    expect(parseHostList('h2, h1').map((h) => h.text)).toEqual(['h2', 'h1']);
  });

  test('three hosts are refused in words', async () => {
    expect((await refusal(() => parseHostList('a b c'))).message).toBe(
      '3 archive hosts are given, at most two are possible',
    );
  });

  test.each(['', '  ', ','])('%j is refused: no host', async (text) => {
    expect((await refusal(() => parseHostList(text))).message).toBe('no archive host is given');
  });

  test.each(['h1 h1', 'h1 H1', 'pg@h1 h1', 'h1 h1:22', '[::1] [::1]:22'])(
    '%s is refused: one machine twice',
    async (text) => {
      expect((await refusal(() => parseHostList(text))).message).toMatch(/^the same archive host is given twice/);
    },
  );

  test('one name with two ports is two hosts', () => {
    expect(parseHostList('localhost:2201 localhost:2202')).toHaveLength(2);
  });
});
