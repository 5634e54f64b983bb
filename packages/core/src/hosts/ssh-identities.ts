import { open, readFile } from 'node:fs/promises';
import { systemErrorCode } from '../base/failure.ts';
import type { Log } from '../base/log.ts';
import { inspectPrivateKey, parsePublicKeyLine } from './private-key.ts';
import type { SshTarget } from './ssh-target.ts';

/** The keys that a target's identity files offer. */
export interface SshIdentities {
  /** Private keys that can be used as they are, in the order of the configuration. */
  usable: { file: string; privateKey: Buffer }[];
  /** Public keys, in wire format, of all identity files: an agent may hold the private ones of those that are encrypted. */
  publicKeys: Buffer[];
  /** Files that are there and cannot be used, with the reason, for the message of a refused login. */
  skipped: { file: string; reason: string }[];
}

/** A private key is at most a few kB; anything larger named as one is a mistake that must not fill the memory. */
const keyFileLimitBytes = 64 * 1024;

/**
 * Reads the identity files of a target. A missing file is passed over; one that others may read is refused, as ssh does, with a
 * warning; an encrypted one needs an agent, as nobody is there to type its passphrase.
 */
export async function readIdentities(
  target: Pick<SshTarget, 'identityFiles' | 'hasOwnIdentities'>,
  log: Log,
): Promise<SshIdentities> {
  const identities: SshIdentities = { usable: [], publicKeys: [], skipped: [] };
  for (const file of target.identityFiles) {
    const skip = (reason: string) => identities.skipped.push({ file, reason });
    const publicKey = await readPublicKey(`${file}.pub`);
    if (publicKey !== undefined) identities.publicKeys.push(publicKey);
    try {
      const { content, isTooOpen } = await readKeyFile(file);
      const facts = inspectPrivateKey(content.toString('latin1'));
      const ownPublicKey = facts?.publicKey ?? parsePublicKeyLine(content.toString('latin1'));
      if (ownPublicKey !== undefined) identities.publicKeys.push(ownPublicKey);
      if (facts === undefined) {
        // IdentityFile may name a public key, to pick one of an agent's.
        if (ownPublicKey === undefined) skip('not a private key');
      } else if (isTooOpen) {
        skip('others may read it (chmod 600)');
        log.warning('a private key is not used because others may read it', { file });
      } else if (facts.isEncrypted) {
        skip('encrypted, and no agent holds it');
        log.debug('a private key is encrypted: only an agent can use it', { file });
      } else {
        identities.usable.push({ file, privateKey: content });
      }
    } catch (error) {
      const code = systemErrorCode(error);
      const isAbsent = code === 'ENOENT' || code === 'ENOTDIR';
      if (!isAbsent || target.hasOwnIdentities) skip(isAbsent ? 'missing' : `unreadable (${code ?? error})`);
    }
  }
  return identities;
}

async function readKeyFile(file: string): Promise<{ content: Buffer; isTooOpen: boolean }> {
  const handle = await open(file, 'r');
  try {
    const { mode, uid: owner, size } = await handle.stat();
    const content = Buffer.alloc(Math.min(size, keyFileLimitBytes));
    const { bytesRead } = await handle.read(content, 0, content.length, 0);
    // As in ssh, only of our own files: how others protect theirs is not ours to judge.
    const isTooOpen = owner === process.getuid?.() && (mode & 0o077) !== 0;
    return { content: content.subarray(0, bytesRead), isTooOpen };
  } finally {
    await handle.close();
  }
}

async function readPublicKey(file: string): Promise<Buffer | undefined> {
  try {
    return parsePublicKeyLine(await readFile(file, 'utf8'));
  } catch {
    // Only ever a help in picking an agent's key.
    return undefined;
  }
}
