import { Failure } from '../base/failure.ts';
import { type Peer, parsePeer, peerOfHint } from '../hosts/peer.ts';
import { readSettingsFile } from './settings-file.ts';

/** The peer that archive_remote_cmd on this machine is configured with, as it is written there; undefined without one. */
export function peerOfThisHost(): string | undefined {
  const peer = readSettingsFile('/etc/default/archive_remote_cmd')['peer'];
  return peer === '' ? undefined : peer;
}

/** Reads `NAME=user@host`, or `user@host` alone. Throws Failure `usage`. */
export function readPeer(text: string): Peer {
  if (text.includes('=')) return parsePeer(text);
  const peer = peerOfHint(text);
  if (peer === undefined) throw new Failure('usage', `${JSON.stringify(text)} is no archive host`);
  return peer;
}
