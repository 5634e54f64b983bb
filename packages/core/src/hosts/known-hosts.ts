import { createHmac } from 'node:crypto';
import { keyTypeOf } from './host-key.ts';
import { matchesPatternList } from './host-pattern.ts';

/** One line of a known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). */
export interface KnownHostLine {
  marker: 'none' | 'revoked' | 'cert-authority';
  /** True when the line's host field names this `host` or `[host]:port`. */
  names(host: string): boolean;
  keyType: string;
  key: Buffer;
  /** `<file>:<line>`, for messages. */
  place: string;
}

/**
 * `match`: this key is known for the host. `changed`: other keys are, and not this one. `unknown`: none is.
 * `revoked`: this key must not be used, whatever else is written.
 */
export type HostKeyVerdict = 'match' | 'changed' | 'unknown' | 'revoked';

/** Parses a known_hosts file. Lines that cannot be read are passed over, as ssh does: a damaged line makes no key known. */
export function parseKnownHosts(text: string, file: string): KnownHostLine[] {
  return text.split('\n').flatMap((line, index) => parseLine(line.trim(), `${file}:${index + 1}`) ?? []);
}

/** What the known_hosts files together say. A later file adds to an earlier one. */
export class KnownHosts {
  readonly #lines: readonly KnownHostLine[];

  constructor(lines: readonly KnownHostLine[]) {
    this.#lines = lines;
  }

  /**
   * The lines with usable keys of a host.
   *
   * @param port 22 is not written in known_hosts; with another one `[name]:port` counts first, then the bare name, as in ssh.
   * Absent for a HostKeyAlias, which stands for itself.
   */
  lookup(hostKeyName: string, port?: number): KnownHostLine[] {
    return this.#linesFor(hostKeyName, port, 'none').filter((line) => !this.#isRevoked(line.key, hostKeyName, port));
  }

  verify(hostKeyName: string, port: number | undefined, key: Buffer): HostKeyVerdict {
    if (this.#isRevoked(key, hostKeyName, port)) return 'revoked';
    const known = this.lookup(hostKeyName, port);
    if (known.some((line) => line.key.equals(key))) return 'match';
    // Stricter than ssh, which calls a key of another type unknown: whoever answers in the host's place can choose the type,
    // and "unknown" would invite the operator to add the impostor's key. The bare name of a host on another port vouches for
    // its keys but does not exclude others: two servers on one machine have two keys.
    const [ownName = ''] = namesIn(hostKeyName, port);
    return this.#lines.some((line) => line.marker === 'none' && line.names(ownName)) ? 'changed' : 'unknown';
  }

  /** The key types to ask the host for: those that can match. */
  keyTypes(hostKeyName: string, port?: number): string[] {
    return [...new Set(this.lookup(hostKeyName, port).map((line) => line.keyType))];
  }

  /** True when the host has a `@cert-authority` line: we don't verify certificates, and the error should say so. */
  hasAuthority(hostKeyName: string, port?: number): boolean {
    return this.#linesFor(hostKeyName, port, 'cert-authority').length > 0;
  }

  #linesFor(hostKeyName: string, port: number | undefined, marker: KnownHostLine['marker']): KnownHostLine[] {
    const names = namesIn(hostKeyName, port);
    return this.#lines.filter((line) => line.marker === marker && names.some((name) => line.names(name)));
  }

  #isRevoked(key: Buffer, hostKeyName: string, port: number | undefined): boolean {
    return this.#linesFor(hostKeyName, port, 'revoked').some((line) => line.key.equals(key));
  }
}

function namesIn(hostKeyName: string, port: number | undefined): string[] {
  const name = hostKeyName.toLowerCase();
  return port === undefined || port === 22 ? [name] : [`[${name}]:${port}`, name];
}

function parseLine(line: string, place: string): KnownHostLine | undefined {
  if (line === '' || line.startsWith('#')) return undefined;
  const words = line.split(/[ \t]+/);
  let marker: KnownHostLine['marker'] = 'none';
  if (words[0]?.startsWith('@')) {
    const word = words.shift();
    if (word !== '@revoked' && word !== '@cert-authority') return undefined;
    marker = word === '@revoked' ? 'revoked' : 'cert-authority';
  }
  const [hosts, keyType, base64] = words;
  if (hosts === undefined || keyType === undefined || base64 === undefined) return undefined;
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return undefined;
  const key = Buffer.from(base64, 'base64');
  const names = namesOf(hosts);
  if (names === undefined || keyTypeOf(key) !== keyType) return undefined;
  return { marker, names, keyType, key, place };
}

function namesOf(hosts: string): ((host: string) => boolean) | undefined {
  if (!hosts.startsWith('|')) {
    const patterns = hosts.toLowerCase().split(',');
    return (host) => matchesPatternList(patterns, host);
  }
  const [, version, saltText, hashText, ...rest] = hosts.split('|');
  if (version !== '1' || saltText === undefined || hashText === undefined || rest.length > 0) return undefined;
  const salt = Buffer.from(saltText, 'base64');
  const hash = Buffer.from(hashText, 'base64');
  if (salt.length === 0 || hash.length !== 20) return undefined;
  return (host) => createHmac('sha1', salt).update(host).digest().equals(hash);
}
