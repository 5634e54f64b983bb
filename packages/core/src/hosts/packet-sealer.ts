import { type CipherGCMTypes, randomFillSync } from 'node:crypto';
import type { Writable } from 'node:stream';
import { beforeAllocating, giveMemoryBack } from '../codec/garbage.ts';
import { type GcmEngine, type NewGcmEngine, usualGcmEngine } from './gcm-engines.ts';
import {
  blockBytes,
  countUp,
  followProperty,
  headBytes,
  leastPaddingBytes,
  lengthBytes,
  tagBytes,
} from './gcm-packets.ts';

/** What this needs of ssh2's cipher for AES-GCM (lib/protocol/crypto.js, AESGCMCipherNative). */
interface GcmCipher {
  outSeqno: number;
  readonly _encSSLName: CipherGCMTypes;
  readonly _encKey: Buffer;
  readonly _encIV: Buffer;
  readonly _dead: boolean;
  encrypt(packet: Buffer): void;
  /** No packet comes any more. */
  free(): void;
}

/** What this needs of ssh2's protocol (lib/protocol/Protocol.js). A new exchange of keys gives it another cipher. */
export interface CipherOwner {
  _cipher: unknown;
  /** Only while keys are exchanged: what is sent then waits for the new ones. */
  readonly _kexinit?: unknown;
  channelData(channel: number, data: Buffer | string): void;
}

/** Of a message with data for a channel (RFC 4254, 5.2): what it is, the channel, the length of the data. */
const channelDataMessage = 94;
const dataHeadBytes = headBytes + 9;

/**
 * What leaves in one write, unless one packet is larger: all that FrameWriter has in a turn of the event loop, 1 MiB, with what its packets
 * add to it. In two writes it wakes the remote sshd more often.
 */
const outputBytes = 1152 * 1024;
const mostFreeOutputs = 4;
const paddingPoolBytes = 4096;

/** Seals a packet that lies in pieces, `sizeBytes` in all. */
type Seal = (pieces: readonly Buffer[], sizeBytes: number) => void;

/**
 * Seals the packets of an SSH connection in the place of ssh2, where the cipher is AES-GCM: from where the data lie into buffers that are
 * used again, and written once for each turn of the event loop. ssh2 makes four new buffers for each packet, and its socket one more of all
 * of them.
 */
export class PacketSealer {
  private readonly stream: Writable;
  private readonly newEngine: NewGcmEngine;
  private readonly head = Buffer.allocUnsafeSlow(dataHeadBytes);
  private readonly free: Buffer[] = [];
  private output: Buffer = Buffer.allocUnsafeSlow(outputBytes);
  private usedBytes = 0;
  private isFlushPlanned = false;
  private readonly padding = Buffer.allocUnsafeSlow(paddingPoolBytes);
  private paddingUsedBytes = paddingPoolBytes;

  private constructor(stream: Writable, newEngine: NewGcmEngine) {
    this.stream = stream;
    this.newEngine = newEngine;
  }

  /**
   * To be called once the connection's first keys are in use. Returns true where packets are sealed here from now on: what is written are
   * large pieces then.
   */
  static takeOver(owner: CipherOwner, stream: Writable, newEngine = usualGcmEngine()): boolean {
    const sealer = new PacketSealer(stream, newEngine);
    // What was sealed in the turn in which the connection is ended, its good-bye for one, leaves before.
    const end = stream.end.bind(stream) as (...words: unknown[]) => Writable;
    stream.end = (...words: unknown[]) => {
      sealer.flush();
      return end(...words);
    };
    let seal: Seal | undefined;
    followProperty(owner, '_cipher', (cipher) => {
      seal = sealer.adopt(cipher);
    });
    const sendOwn = owner.channelData.bind(owner);
    owner.channelData = (channel, data) => {
      if (seal !== undefined && owner._kexinit === undefined && Buffer.isBuffer(data)) {
        sealer.sendData(seal, channel, data);
        return;
      }
      // The packet, what it becomes, and what the socket makes of several.
      beforeAllocating(data.length * 3);
      sendOwn(channel, data);
    };
    return seal !== undefined;
  }

  /** Returns how packets of that cipher are sealed from now on, where that is for us to do. */
  private adopt(cipher: unknown): Seal | undefined {
    if (!isGcm(cipher)) return undefined;
    const engine = new this.newEngine(cipher._encSSLName, cipher._encKey, 'seal');
    const freeOwn = cipher.free.bind(cipher);
    cipher.free = () => {
      freeOwn();
      engine.close();
    };
    const seal: Seal = (pieces, sizeBytes) => {
      if (!cipher._dead) this.seal(cipher, engine, pieces, sizeBytes);
    };
    cipher.encrypt = (packet) => seal([packet], packet.length);
    return seal;
  }

  /** As ssh2 sends data, without a packet in which they are put together. */
  private sendData(seal: Seal, channel: number, data: Buffer): void {
    const { head } = this;
    const unpadded = dataHeadBytes - lengthBytes + data.length;
    let paddingBytes = blockBytes - (unpadded % blockBytes);
    if (paddingBytes < leastPaddingBytes) paddingBytes += blockBytes;
    head.writeUInt32BE(unpadded + paddingBytes, 0);
    head.writeUInt8(paddingBytes, lengthBytes);
    head.writeUInt8(channelDataMessage, headBytes);
    head.writeUInt32BE(channel, headBytes + 1);
    head.writeUInt32BE(data.length, headBytes + 5);
    seal([head, data, this.randomPadding(paddingBytes)], lengthBytes + unpadded + paddingBytes);
  }

  private randomPadding(sizeBytes: number): Buffer {
    if (this.paddingUsedBytes + sizeBytes > paddingPoolBytes) {
      randomFillSync(this.padding);
      this.paddingUsedBytes = 0;
    }
    this.paddingUsedBytes += sizeBytes;
    return this.padding.subarray(this.paddingUsedBytes - sizeBytes, this.paddingUsedBytes);
  }

  /** Seals a packet that lies in pieces, of which the first begins with its length. */
  private seal(cipher: GcmCipher, engine: GcmEngine, pieces: readonly Buffer[], sizeBytes: number): void {
    const place = this.reserve(sizeBytes + tagBytes);
    let at = 0;
    for (const piece of pieces) {
      let open = piece;
      if (at === 0) {
        const clear = piece.subarray(0, lengthBytes);
        engine.begin(cipher._encIV, clear);
        place.set(clear);
        at = lengthBytes;
        open = piece.subarray(lengthBytes);
      }
      engine.update(open, place.subarray(at, at + open.length));
      at += open.length;
    }
    engine.finish(place.subarray(at, at + tagBytes));
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
    this.output = this.free.pop() ?? newOutput();
    if (!stream.writable) return;
    stream.write(sealed, (error) => {
      // What could not be written may still be in somebody's hands.
      if (error) return;
      if (this.free.length < mostFreeOutputs && output.length === outputBytes) this.free.push(output);
      else giveMemoryBack(output);
    });
  }
}

function newOutput(): Buffer {
  beforeAllocating(outputBytes);
  return Buffer.allocUnsafeSlow(outputBytes);
}

function isGcm(cipher: unknown): cipher is GcmCipher {
  const { _encSSLName, _encKey, _encIV } = (cipher ?? {}) as Partial<GcmCipher>;
  return /^aes-(128|256)-gcm$/.test(_encSSLName ?? '') && Buffer.isBuffer(_encKey) && Buffer.isBuffer(_encIV);
}
