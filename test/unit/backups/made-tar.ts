/** A member of a tar, as a test wants it. */
export interface MadeMember {
  name: string;
  content?: Uint8Array;
  type?: string;
  /** Written as the size, whatever the content has. */
  sizeBytes?: number;
  linkTo?: string;
}

/** One member as PostgreSQL's tarCreateHeader makes it: header, content, padding. */
export function tarMember({ name, content = Buffer.alloc(0), type = '0', sizeBytes, linkTo = '' }: MadeMember): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0, 'latin1');
  header.write('0000600 ', 100);
  header.write('0001750 ', 108);
  header.write('0001750 ', 116);
  const size = sizeBytes ?? content.length;
  if (size < 8 ** 11) header.write(`${size.toString(8).padStart(11, '0')} `, 124);
  else {
    header[124] = 0x80;
    header.writeBigUInt64BE(BigInt(size), 128);
  }
  header.write('14000000000 ', 136);
  header.write(type, 156);
  header.write(linkTo, 157);
  header.write('ustar\x0000', 257);
  seal(header);
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512);
  return Buffer.concat([header, content, padding]);
}

/** Writes a header's checksum. */
export function seal(header: Buffer): void {
  header.fill(' ', 148, 156);
  const sum = header.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
}

export const tarEnd = Buffer.alloc(1024);

export function madeTar(members: readonly MadeMember[]): Buffer {
  return Buffer.concat([...members.map(tarMember), tarEnd]);
}
