import { Failure } from '../base/failure.ts';
import { type HostSpec, parseHostSpec } from './host-spec.ts';

/** The other archive host. */
export interface Peer {
  /** The name of its debts directory, and what messages call it. */
  name: string;
  spec: HostSpec;
}

const peerNamePattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$/;

/** `NAME=user@host`; the name alone stands for a host that is reached under it. Throws Failure `usage`. */
export function parsePeer(text: string): Peer {
  const equals = text.indexOf('=');
  const name = equals < 0 ? text : text.slice(0, equals);
  if (!peerNamePattern.test(name)) {
    throw new Failure('usage', `--peer ${JSON.stringify(text)} is not NAME=user@host`, {
      hint: 'NAME stands for the peer in directories and messages: letters, digits, "_", "." and "-".',
    });
  }
  return { name, spec: parseHostSpec(equals < 0 ? text : text.slice(equals + 1)) };
}

/** The peer that somebody calls by `user@host` alone; undefined when no directory can have a name made of that. */
export function peerOfHint(hint: string): Peer | undefined {
  const spec = parseHostSpec(hint);
  const name = hint.replaceAll(/[^A-Za-z0-9_.-]/g, '_');
  return peerNamePattern.test(name) ? { name, spec } : undefined;
}
