import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { algorithmsFor, fingerprintOf, keyTypeOf } from '../../../packages/core/src/hosts/host-key.ts';
import { KnownHosts, parseKnownHosts } from '../../../packages/core/src/hosts/known-hosts.ts';

/** A public key in wire format, of this type, told apart by its seed. */
function key(type: string, seed: number): Buffer {
  const field = (content: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(content.length);
    return Buffer.concat([length, content]);
  };
  return Buffer.concat([field(Buffer.from(type)), field(Buffer.alloc(32, seed))]);
}

const ed = key('ssh-ed25519', 1);
const otherEd = key('ssh-ed25519', 2);
const rsa = key('ssh-rsa', 3);
const field = (k: Buffer) => `${keyTypeOf(k)} ${k.toString('base64')}`;
const known = (text: string) => new KnownHosts(parseKnownHosts(text, 'known_hosts'));

describe('known_hosts', () => {
  test('a known key matches, another one of the host is changed, a host without keys is unknown', () => {
    const hosts = known(`# comment\n\nh1,h2 ${field(ed)} comment here\n`);
    expect(hosts.verify('h1', 22, ed)).toBe('match');
    expect(hosts.verify('H2', 22, ed)).toBe('match');
    expect(hosts.verify('h1', 22, otherEd)).toBe('changed');
    expect(hosts.verify('h3', 22, ed)).toBe('unknown');
  });

  test('a key of another type is changed, not unknown', () => {
    expect(known(`h1 ${field(ed)}`).verify('h1', 22, rsa)).toBe('changed');
  });

  test('several keys of a host all match', () => {
    const hosts = known(`h1 ${field(ed)}\nh1 ${field(rsa)}`);
    expect([hosts.verify('h1', 22, ed), hosts.verify('h1', 22, rsa)]).toEqual(['match', 'match']);
    expect(hosts.keyTypes('h1', 22)).toEqual(['ssh-ed25519', 'ssh-rsa']);
  });

  test('another port has its own entry, and the bare name vouches for its own key only', () => {
    const hosts = known(`h1 ${field(ed)}\n[h1]:2222 ${field(rsa)}`);
    expect(hosts.verify('h1', 2222, rsa)).toBe('match');
    expect(hosts.verify('h1', 2222, otherEd)).toBe('changed');
    expect(hosts.verify('h1', 22, rsa)).toBe('changed');
    expect(hosts.verify('h1', 2200, ed)).toBe('match');
    expect(hosts.verify('h1', 2200, otherEd)).toBe('unknown');
  });

  test('patterns and negations count', () => {
    const hosts = known(`*.example.org,!evil.example.org,10.0.0.? ${field(ed)}`);
    expect(hosts.verify('a.example.org', 22, ed)).toBe('match');
    expect(hosts.verify('evil.example.org', 22, ed)).toBe('unknown');
    expect(hosts.verify('10.0.0.7', 22, ed)).toBe('match');
  });

  test('a revoked key is revoked, also for a host that it is known for', () => {
    const hosts = known(`h1 ${field(ed)}\n@revoked * ${field(ed)}`);
    expect(hosts.verify('h1', 22, ed)).toBe('revoked');
    expect(hosts.lookup('h1', 22)).toEqual([]);
    expect(hosts.verify('h1', 22, otherEd)).toBe('changed');
  });

  test('a certificate authority makes no key known', () => {
    const hosts = known(`@cert-authority *.example.org ${field(ed)}`);
    expect(hosts.verify('a.example.org', 22, ed)).toBe('unknown');
    expect([hosts.hasAuthority('a.example.org', 22), hosts.hasAuthority('b', 22)]).toEqual([true, false]);
  });

  test.each([
    `@unknown h1 ${field(ed)}`,
    'h1 ssh-ed25519',
    `h1 ssh-rsa ${ed.toString('base64')}`,
    'h1 ssh-ed25519 not*base64',
    'h1 1024 35 1234567890',
    `|2|c2FsdA==|aGFzaA== ${field(ed)}`,
    `|1|c2FsdA==|aGFzaA== ${field(ed)}`,
  ])('the line %j makes no key known', (line) => {
    expect(known(line).verify('h1', 22, ed)).toBe('unknown');
  });

  test('no text makes a key known for a host that it does not name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(known(text).verify('h1', 22, ed)).toBe('unknown');
      }),
    );
  });
});

describe('a file hashed by ssh-keygen -H', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'known-hosts-'));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  test('is read like the plain one, and fingerprints are those of ssh-keygen -l', () => {
    const path = join(directory, 'known_hosts');
    const keyPath = join(directory, 'key');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', keyPath]);
    const publicKey = readFileSync(`${keyPath}.pub`, 'utf8').split(' ').slice(0, 2).join(' ');
    writeFileSync(path, `h1 ${publicKey}\n[h2]:2222 ${publicKey}\n`);
    execFileSync('ssh-keygen', ['-q', '-H', '-f', path], { stdio: 'ignore' });
    const text = readFileSync(path, 'utf8');
    expect(text).toMatch(/^\|1\|/);
    const blob = Buffer.from(publicKey.split(' ')[1] ?? '', 'base64');
    expect(known(text).verify('h1', 22, blob)).toBe('match');
    expect(known(text).verify('h2', 2222, blob)).toBe('match');
    expect(known(text).verify('h2', 22, blob)).toBe('unknown');
    expect(known(text).verify('h1', 22, ed)).toBe('changed');
    expect(execFileSync('ssh-keygen', ['-lf', keyPath], { encoding: 'utf8' })).toContain(fingerprintOf(blob));
  });
});

describe('host key algorithms', () => {
  test('those of the known keys come first, RSA with SHA-2 only', () => {
    expect(algorithmsFor(['ssh-rsa']).slice(0, 3)).toEqual(['rsa-sha2-512', 'rsa-sha2-256', 'ssh-ed25519']);
    expect(algorithmsFor([])[0]).toBe('ssh-ed25519');
    expect(algorithmsFor(['ssh-rsa', 'ssh-dss'])).not.toContain('ssh-rsa');
  });

  test.each([Buffer.alloc(0), Buffer.alloc(4), Buffer.from([255, 255, 255, 255, 1]), Buffer.from([0, 0, 0, 1, 10])])(
    'a malformed key has an unknown type',
    (bytes) => {
      expect(keyTypeOf(bytes)).toBe('unknown');
    },
  );
});
