import { type CipherGCMTypes, createCipheriv, randomFillSync } from 'node:crypto';
import type { Writable } from 'node:stream';

/** What this needs of ssh2's cipher for AES-GCM (lib/protocol/crypto.js, AESGCMCipherNative). */
interface GcmCipher {
  outSeqno: number;
  readonly _encSSLName: CipherGCMTypes;
  readonly _encKey: Buffer;
  /** Four bytes that stay, and a counter of eight. */
  readonly _encIV: Buffer;
  readonly _dead: boolean;
  allocPacket(payloadBytes: number): Buffer;
  encrypt(packet: Buffer): void;
}

/** What this needs of ssh2's protocol. A new exchange of keys gives it another cipher. */
interface CipherOwner {
  _cipher: unknown;
}

/** Of an SSH packet (RFC 4253, 6): the length of what follows, the length of the padding. */
const lengthBytes = 4;
const headBytes = lengthBytes + 1;
const leastPaddingBytes = 4;
const blockBytes = 16;
const tagBytes = 16;

/** Smaller ones may be kept by whoever had them made, as those of a login are; a larger one carries data and is sealed at once. */
const smallestSharedBytes = 4096;
const largestPacketBytes = 64 * 1024;
/** What leaves in one write, unless one packet is larger. */
const outputBytes = 512 * 1024;
const mostFreeOutputs = 4;
const paddingPoolBytes = 4096;

/**
 * Seals the packets of an SSH connection in the place of ssh2, where the cipher is AES-GCM: into buffers that are used again, and written
 * once for each turn of the event loop. ssh2 makes three new buffers for each packet, and its socket one more of all of them.
 */
export class PacketSealer {
  private readonly stream: Writable;
  private readonly packet = Buffer.allocUnsafeSlow(largestPacketBytes);
  private readonly free: Buffer[] = [];
  private output: Buffer = Buffer.allocUnsafeSlow(outputBytes);
  private usedBytes = 0;
  private isFlushPlanned = false;
  private readonly padding = Buffer.allocUnsafeSlow(paddingPoolBytes);
  private paddingUsedBytes = paddingPoolBytes;

  private constructor(stream: Writable) {
    this.stream = stream;
  }

  /** To be called once the connection's first keys are in use. */
  static takeOver(owner: CipherOwner, stream: Writable): void {
    const sealer = new PacketSealer(stream);
    // What was sealed in the turn in which the connection is ended, its good-bye for one, leaves before.
    const end = stream.end.bind(stream) as (...words: unknown[]) => Writable;
    stream.end = (...words: unknown[]) => {
      sealer.flush();
      return end(...words);
    };
    let cipher = owner._cipher;
    sealer.adopt(cipher);
    Object.defineProperty(owner, '_cipher', {
      get: () => cipher,
      set: (next: unknown) => {
        cipher = next;
        sealer.adopt(next);
      },
    });
  }

  private adopt(cipher: unknown): void {
    if (!isGcm(cipher)) return;
    const allocOwn = cipher.allocPacket.bind(cipher);
    cipher.allocPacket = (payloadBytes) =>
      payloadBytes < smallestSharedBytes || payloadBytes > largestPacketBytes - 2 * blockBytes - headBytes
        ? allocOwn(payloadBytes)
        : this.sharedPacket(payloadBytes);
    cipher.encrypt = (packet) => this.seal(cipher, packet);
  }

  private sharedPacket(payloadBytes: number): Buffer {
    const unpadded = 1 + payloadBytes;
    let paddingBytes = blockBytes - (unpadded % blockBytes);
    if (paddingBytes < leastPaddingBytes) paddingBytes += blockBytes;
    const packet = this.packet.subarray(0, lengthBytes + unpadded + paddingBytes);
    packet.writeUInt32BE(unpadded + paddingBytes, 0);
    packet.writeUInt8(paddingBytes, lengthBytes);
    this.randomPadding(paddingBytes).copy(packet, headBytes + payloadBytes);
    return packet;
  }

  private randomPadding(sizeBytes: number): Buffer {
    if (this.paddingUsedBytes + sizeBytes > paddingPoolBytes) {
      randomFillSync(this.padding);
      this.paddingUsedBytes = 0;
    }
    this.paddingUsedBytes += sizeBytes;
    return this.padding.subarray(this.paddingUsedBytes - sizeBytes, this.paddingUsedBytes);
  }

  private seal(cipher: GcmCipher, packet: Buffer): void {
    if (cipher._dead) return;
    const sealing = createCipheriv(cipher._encSSLName, cipher._encKey, cipher._encIV);
    const place = this.reserve(packet.length + tagBytes);
    packet.copy(place, 0, 0, lengthBytes);
    sealing.setAAD(packet.subarray(0, lengthBytes));
    place.set(sealing.update(packet.subarray(lengthBytes)), lengthBytes);
    sealing.final();
    place.set(sealing.getAuthTag(), packet.length);
    countUp(cipher._encIV);
    cipher.outSeqno = (cipher.outSeqno + 1) >>> 0;
  }

  private reserve(sizeBytes: number): Buffer {
    if (this.usedBytes + sizeBytes > this.output.length) this.flush();
    // A server may take packets of any size.
    if (sizeBytes > this.output.length) this.output = Buffer.allocUnsafeSlow(sizeBytes);
    if (!this.isFlushPlanned) {
      this.isFlushPlanned = true;
      process.nextTick(() => {
        this.isFlushPlanned = false;
        this.flush();
      });
    }
    const place = this.output.subarray(this.usedBytes, this.usedBytes + sizeBytes);
    this.usedBytes += sizeBytes;
    return place;
  }

  private flush(): void {
    if (this.usedBytes === 0) return;
    const { stream, output } = this;
    const sealed = output.subarray(0, this.usedBytes);
    this.usedBytes = 0;
    this.output = this.free.pop() ?? Buffer.allocUnsafeSlow(outputBytes);
    if (!stream.writable) return;
    stream.write(sealed, () => {
      if (this.free.length < mostFreeOutputs && output.length === outputBytes) this.free.push(output);
    });
  }
}

function isGcm(cipher: unknown): cipher is GcmCipher {
  const { _encSSLName, _encKey, _encIV } = cipher as Partial<GcmCipher>;
  return /^aes-\d+-gcm$/.test(_encSSLName ?? '') && Buffer.isBuffer(_encKey) && Buffer.isBuffer(_encIV);
}

function countUp(iv: Buffer): void {
  for (let at = iv.length - 1; at >= 4; at -= 1) {
    iv[at] = ((iv[at] ?? 0) + 1) & 0xff;
    if (iv[at] !== 0) return;
  }
}
