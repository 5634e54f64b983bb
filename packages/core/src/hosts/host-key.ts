import { createHash } from 'node:crypto';

/** `SHA256:…` as ssh-keygen -l shows it: base64 without padding. */
export function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** The type that a public key in wire format (RFC 4253 section 6.6) names itself: `ssh-ed25519`, `ssh-rsa` …; `unknown` if it is malformed. */
export function keyTypeOf(key: Buffer): string {
  if (key.length < 4) return 'unknown';
  const length = key.readUInt32BE(0);
  const type = key.toString('latin1', 4, 4 + length);
  return length <= 64 && type.length === length && /^[a-z0-9@.-]+$/i.test(type) ? type : 'unknown';
}

/** Host key algorithms in the order in which we like them; the RSA ones with SHA-2 only. */
const hostKeyAlgorithms = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
] as const;

export type HostKeyAlgorithm = (typeof hostKeyAlgorithms)[number];

/**
 * The algorithms to ask a host for: those that its known keys can be verified with first, so that a host with an RSA key in
 * known_hosts and an Ed25519 key besides is not taken for a stranger.
 */
export function algorithmsFor(knownKeyTypes: readonly string[]): HostKeyAlgorithm[] {
  const isKnown = (algorithm: HostKeyAlgorithm) =>
    knownKeyTypes.includes(algorithm.startsWith('rsa-') ? 'ssh-rsa' : algorithm);
  return [...hostKeyAlgorithms.filter(isKnown), ...hostKeyAlgorithms.filter((algorithm) => !isKnown(algorithm))];
}
