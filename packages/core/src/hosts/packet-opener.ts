import type { CipherGCMTypes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { bufferForOne, giveMemoryBack } from '../codec/garbage.ts';
import { type GcmEngine, type NewGcmEngine, usualGcmEngine } from './gcm-engines.ts';
import { blockBytes, countUp, followProperty, leastPaddingBytes, lengthBytes, tagBytes } from './gcm-packets.ts';

/** What this needs of ssh2's decipher for AES-GCM (lib/protocol/crypto.js, AESGCMDecipherNative). */
interface GcmDecipher {
  inSeqno: number;
  readonly _decipherSSLName: CipherGCMTypes;
  readonly _decipherKey: Buffer;
  readonly _decipherIV: Buffer;
  /** How much of a packet's length it has: none between packets. */
  readonly _lenBytes: number;
  /** What it says is what `decrypt` says, and `false` that the rest is for somebody else. */
  readonly _onPayload: (payload: Buffer) => number | boolean | undefined;
  /** Returns where the rest begins that is for somebody else, or undefined. */
  decrypt(data: Buffer, from: number, to: number): number | boolean | undefined;
  free(): void;
}

/** What this needs of ssh2's protocol. A new exchange of keys gives it another decipher. */
export interface DecipherOwner {
  _decipher: unknown;
}

type Hear = (data: Buffer) => void;

/** As ssh2 has it. */
const largestPacketBytes = 35_000;
/** The payload of a larger packet has memory for itself, which its reader may give back. */
const sharingBytes = 16 * 1024;
/** Others are views of this much memory, which lives as long as one of them. */
const slabBytes = 256 * 1024;

/**
 * Opens the packets of an SSH connection in the place of ssh2, where the cipher is AES-GCM: each right into the memory in which its payload
 * stays. ssh2 makes an object and up to three buffers for each.
 */
export class PacketOpener {
  private readonly decipher: GcmDecipher;
  private readonly engine: GcmEngine;
  private readonly length = Buffer.alloc(lengthBytes);
  private lengthTaken = 0;
  /** The packet that is being opened: all between its length and its tag. */
  private body: Buffer = this.length.subarray(0, 0);
  private bodyTaken = 0;
  private readonly tag = Buffer.alloc(tagBytes);
  private tagTaken = 0;
  private slab: Buffer = this.body;

  private constructor(decipher: GcmDecipher, newEngine: NewGcmEngine) {
    const { _decipherSSLName: name, _decipherKey: key } = decipher;
    this.decipher = decipher;
    this.engine = new newEngine(name, key, 'open');
  }

  /**
   * To be called once the connection's first keys are in use. `received` is what the packets come from, where nobody else looks at it: the
   * memory of what was opened is given back.
   */
  static takeOver(owner: DecipherOwner, received?: Readable, newEngine = usualGcmEngine()): void {
    let opened: Buffer | undefined;
    const hear: Hear = (data) => {
      opened = data;
    };
    followProperty(owner, '_decipher', (decipher) => {
      if (isGcm(decipher)) new PacketOpener(decipher, newEngine).adopt(hear);
    });
    // After ssh2, which listened before.
    received?.on('data', (chunk: Buffer) => {
      if (chunk === opened) giveMemoryBack(chunk);
      opened = undefined;
    });
  }

  /** `hear` is told of data that were opened to their end. */
  private adopt(hear: Hear): void {
    const { decipher, engine } = this;
    const decryptOwn = decipher.decrypt.bind(decipher);
    decipher.decrypt = (data, from, to) => {
      // What it has begun it has to end, and may keep what it looks at: until a packet ends with what has arrived.
      if (decipher._lenBytes > 0) return decryptOwn(data, from, to);
      const said = this.open(data, from, to);
      if (said === undefined) hear(data);
      return said;
    };
    const freeOwn = decipher.free.bind(decipher);
    decipher.free = () => {
      freeOwn();
      engine.close();
    };
  }

  private open(data: Buffer, from: number, to: number): number | boolean | undefined {
    const { decipher } = this;
    for (let at = from; at < to; ) {
      at = this.takePacket(data, at, to);
      if (this.tagTaken < tagBytes) return undefined;
      const payload = this.endPacket();
      const said = decipher._onPayload(payload);
      if (said !== undefined) return said === false ? at : said;
    }
    return undefined;
  }

  /** Takes what there is of the packet, and returns where it ended. */
  private takePacket(data: Buffer, from: number, to: number): number {
    let at = from;
    if (this.lengthTaken < lengthBytes) {
      const taken = data.copy(this.length, this.lengthTaken, at, Math.min(to, at + lengthBytes - this.lengthTaken));
      this.lengthTaken += taken;
      at += taken;
      if (this.lengthTaken < lengthBytes) return at;
      this.beginPacket();
    }
    const taken = Math.min(to - at, this.body.length - this.bodyTaken);
    this.engine.update(data.subarray(at, at + taken), this.body.subarray(this.bodyTaken));
    this.bodyTaken += taken;
    at += taken;
    if (this.bodyTaken < this.body.length) return at;
    const tagged = data.copy(this.tag, this.tagTaken, at, Math.min(to, at + tagBytes - this.tagTaken));
    this.tagTaken += tagged;
    return at + tagged;
  }

  private beginPacket(): void {
    const sizeBytes = this.length.readUInt32BE();
    if (
      sizeBytes + lengthBytes + tagBytes > largestPacketBytes ||
      sizeBytes < blockBytes ||
      sizeBytes % blockBytes !== 0
    ) {
      throw new Error('Bad packet length');
    }
    this.body = sizeBytes > sharingBytes ? bufferForOne(sizeBytes) : this.partOfSlab(sizeBytes);
    this.bodyTaken = 0;
    this.engine.begin(this.decipher._decipherIV, this.length);
  }

  private partOfSlab(sizeBytes: number): Buffer {
    if (this.slab.length < sizeBytes) this.slab = Buffer.allocUnsafeSlow(slabBytes);
    const part = this.slab.subarray(0, sizeBytes);
    this.slab = this.slab.subarray(sizeBytes);
    return part;
  }

  /** Returns its payload, which nothing but the tag proves. */
  private endPacket(): Buffer {
    const { body, decipher } = this;
    this.engine.finish(this.tag);
    this.lengthTaken = 0;
    this.tagTaken = 0;
    countUp(decipher._decipherIV);
    decipher.inSeqno = (decipher.inSeqno + 1) >>> 0;
    const paddingBytes = body.readUInt8(0);
    if (paddingBytes < leastPaddingBytes || paddingBytes >= body.length) throw new Error('Bad padding length');
    return body.subarray(1, body.length - paddingBytes);
  }
}

function isGcm(decipher: unknown): decipher is GcmDecipher {
  const { _decipherSSLName, _decipherKey, _decipherIV } = (decipher ?? {}) as Partial<GcmDecipher>;
  return (
    /^aes-(128|256)-gcm$/.test(_decipherSSLName ?? '') && Buffer.isBuffer(_decipherKey) && Buffer.isBuffer(_decipherIV)
  );
}
