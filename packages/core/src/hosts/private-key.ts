/** What can be told of a private key file without its passphrase. */
export interface PrivateKeyFacts {
  isEncrypted: boolean;
  /** In wire format; only OpenSSH's own format shows it. */
  publicKey?: Buffer;
}

const opensshMagic = 'openssh-key-v1\0';

/** Looks into the text of a private key file: OpenSSH's format (OpenSSH PROTOCOL.key) or PEM. Undefined when it is neither. */
export function inspectPrivateKey(text: string): PrivateKeyFacts | undefined {
  const [, label = '', body = ''] = /-----BEGIN ([A-Z ]*PRIVATE KEY)-----([\s\S]*?)-----END /.exec(text) ?? [];
  if (label === '') return undefined;
  if (label !== 'OPENSSH PRIVATE KEY') {
    return { isEncrypted: label.startsWith('ENCRYPTED') || /^Proc-Type: 4,ENCRYPTED/m.test(body) };
  }
  const content = Buffer.from(body, 'base64');
  if (content.toString('latin1', 0, opensshMagic.length) !== opensshMagic) return undefined;
  // cipher name, KDF name, KDF options, number of keys, public key
  const fields = readFields(content, opensshMagic.length, 3);
  const cipher = fields?.values[0]?.toString('latin1');
  if (fields === undefined || cipher === undefined) return undefined;
  const publicKey = readFields(content, fields.end + 4, 1)?.values[0];
  return { isEncrypted: cipher !== 'none', ...(publicKey !== undefined && { publicKey }) };
}

/** The key in wire format of a one-line public key file (`ssh-ed25519 AAAA… comment`). */
export function parsePublicKeyLine(text: string): Buffer | undefined {
  const base64 = /^\s*[a-z0-9@.-]+\s+([A-Za-z0-9+/]+={0,2})(?:\s|$)/i.exec(text)?.[1];
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64');
}

function readFields(content: Buffer, start: number, count: number): { values: Buffer[]; end: number } | undefined {
  const values: Buffer[] = [];
  let at = start;
  for (let i = 0; i < count; i++) {
    if (at + 4 > content.length) return undefined;
    const length = content.readUInt32BE(at);
    if (at + 4 + length > content.length) return undefined;
    values.push(content.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return { values, end: at };
}
