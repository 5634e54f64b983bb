import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseTarHeader } from '../../../packages/core/src/backups/tar-header.ts';
import { TarReader } from '../../../packages/core/src/backups/tar-reader.ts';
import { type MadeMember, madeTar, seal, tarEnd, tarMember } from './made-tar.ts';

interface Seen {
  name: string;
  kind: string;
  content: string;
}

function read(tar: Buffer, pieceBytes = 700): Seen[] {
  const seen: Seen[] = [];
  let content: Buffer[] = [];
  const reader = new TarReader({
    begin: () => {
      content = [];
    },
    content: (bytes) => content.push(Buffer.from(bytes)),
    end: ({ name, kind }) => seen.push({ name, kind, content: Buffer.concat(content).toString('latin1') }),
  });
  for (let at = 0; at < tar.length; at += pieceBytes) reader.take(tar.subarray(at, at + pieceBytes));
  reader.finish();
  return seen;
}

const damaged = { code: 'backup_damaged' };
const refused = (tar: Buffer) => expect(() => read(tar)).toThrow(expect.objectContaining(damaged));

const nameArbitrary = fc.stringMatching(/^[a-z0-9_]{1,20}(\/[a-z0-9_.]{3,20}){0,3}$/);
const memberArbitrary: fc.Arbitrary<MadeMember> = fc.oneof(
  fc.record({ name: nameArbitrary, content: fc.uint8Array({ maxLength: 1600 }) }),
  fc.record({ name: nameArbitrary.map((name) => `${name}/`), type: fc.constant('5') }),
  fc.record({ name: nameArbitrary, type: fc.constant('2'), linkTo: fc.constant('/somewhere') }),
);

describe('a tar that is read as it comes', () => {
  test('gives its members in order, whatever the pieces', () => {
    fc.assert(
      fc.property(
        fc.array(memberArbitrary, { maxLength: 8 }),
        fc.integer({ min: 1, max: 3000 }),
        (members, pieceBytes) => {
          const expected = members.map(({ name, content, type = '0' }) => ({
            name: name.replace(/\/$/, ''),
            kind: { '0': 'file', '5': 'directory', '2': 'link' }[type],
            content: Buffer.from(content ?? []).toString('latin1'),
          }));
          expect(read(madeTar(members), pieceBytes)).toEqual(expected);
        },
      ),
    );
  });

  test('is read as the tar program reads it', () => {
    const tar = madeTar([
      { name: 'base/', type: '5' },
      { name: 'base/1', content: Buffer.from('a') },
      { name: 'PG_VERSION', content: Buffer.alloc(1024, 'x') },
    ]);
    const listed = execFileSync('tar', ['-tf', '-'], { input: tar }).toString().trim().split('\n');
    expect(listed).toEqual(['base/', 'base/1', 'PG_VERSION']);
    expect(read(tar).map(({ name }) => name)).toEqual(['base', 'base/1', 'PG_VERSION']);
  });

  test('is damaged wherever it is cut', () => {
    const tar = madeTar([
      { name: 'backup_label', content: Buffer.alloc(223, 'l') },
      { name: 'base/', type: '5' },
      { name: 'base/1', content: Buffer.alloc(1024, '1') },
    ]);
    for (let length = 0; length < tar.length; length += 1) refused(tar.subarray(0, length));
    expect(read(tar)).toHaveLength(3);
  });

  test('is damaged when it goes on after its end, but zeros may follow', () => {
    const member = tarMember({ name: 'a', content: Buffer.from('a') });
    refused(Buffer.concat([member, tarEnd, member, tarEnd]));
    refused(Buffer.concat([member, Buffer.alloc(512), member, tarEnd]));
    expect(read(Buffer.concat([member, tarEnd, Buffer.alloc(9 * 512)]))).toHaveLength(1);
  });

  test('is damaged with any bit of a header or of the padding flipped', () => {
    const tar = madeTar([{ name: 'base/1', content: Buffer.alloc(100, '1') }]);
    const isContent = (byte: number) => byte >= 512 && byte < 612;
    // What stands in the checksum's field besides its digits may differ.
    const isLoose = (byte: number) => byte === 154 || byte === 155;
    for (let bit = 0; bit < tar.length * 8; bit += 1) {
      const byte = bit >> 3;
      if (isContent(byte) || isLoose(byte)) continue;
      const flipped = Buffer.from(tar);
      flipped[byte] = (flipped[byte] ?? 0) ^ (1 << (bit & 7));
      refused(flipped);
    }
  });

  test.each([
    '/etc/passwd',
    '../x',
    'a/../../x',
    'a//b',
    '././a',
    './/a',
    './../a',
    './',
    'a/.',
    '..',
    '.',
    '',
    'a/',
    '/',
  ])('a file with the name %j is refused', (name) => refused(madeTar([{ name, content: Buffer.from('x') }])));

  test.each(['/', '/etc/', '../', 'a/../', 'a//', './', '././a/'])('a directory with the name %j is refused', (name) =>
    refused(madeTar([{ name, type: '5' }])),
  );

  test.each(['1', '3', '4', '6', '7', 'x', 'g', 'L', 'K', 'S'])('a member of type %j is refused', (type) =>
    refused(madeTar([{ name: 'a', type }])),
  );

  test('a directory with content, and a name in two parts, are refused', () => {
    refused(Buffer.concat([tarMember({ name: 'a/', type: '5', content: Buffer.from('x') }), tarEnd]));
    const header = tarMember({ name: 'passwd' });
    header.write('../../etc', 345);
    seal(header);
    refused(Buffer.concat([header, tarEnd]));
  });

  test('a name may begin with "./", as PostgreSQL writes some', () => {
    const tar = madeTar([{ name: './pg_wal/archive_status/', type: '5' }]);
    expect(read(tar)).toMatchObject([{ name: 'pg_wal/archive_status' }]);
  });

  test('sizes beyond 8 GiB are read, impossible ones refused', () => {
    const sizeBytes = 3 * 2 ** 40 + 5;
    expect(parseTarHeader(tarMember({ name: 'a', sizeBytes }).subarray(0, 512))).toMatchObject({ sizeBytes });
    const header = tarMember({ name: 'a', sizeBytes });
    header.fill(255, 124, 136);
    seal(header);
    expect(() => parseTarHeader(header.subarray(0, 512))).toThrow(expect.objectContaining(damaged));
  });
});
