import { createDecipheriv } from 'node:crypto';
import { Writable } from 'node:stream';
import { beforeEach, describe, expect, test } from 'vitest';
import { LibraryGcm, type NewGcmEngine, RuntimeGcm } from '../../../packages/core/src/hosts/gcm-engines.ts';
import { PacketSealer } from '../../../packages/core/src/hosts/packet-sealer.ts';

/** ssh2's cipher, as far as it is used: what it would do by itself is told. */
class Cipher {
  outSeqno = 0xffff_ffff;
  readonly _encSSLName: string;
  readonly _encKey: Buffer;
  readonly _encIV: Buffer;
  _dead = false;
  isFreed = false;

  constructor(seed: number, name = 'aes-128-gcm') {
    this._encSSLName = name;
    this._encKey = Buffer.alloc(name.includes('256') ? 32 : 16, seed);
    this._encIV = Buffer.concat([Buffer.alloc(4, seed), Buffer.alloc(7, 0xff), Buffer.from([0xfe])]);
  }

  allocPacket(payloadBytes: number): Buffer {
    const padding = 4 + ((16 - ((payloadBytes + 5) % 16)) % 16);
    const packet = Buffer.alloc(5 + payloadBytes + padding);
    packet.writeUInt32BE(packet.length - 4, 0);
    packet[4] = padding;
    return packet;
  }

  encrypt(_packet: Buffer): void {
    throw new Error('this is not the cipher that encrypts');
  }

  free(): void {
    this._dead = true;
    this.isFreed = true;
  }
}

/** ssh2's protocol, as far as it is used. */
class Protocol {
  _cipher: unknown;
  _kexinit: unknown;
  /** Data that it was to send by itself. */
  readonly ownData: { channel: number; data: Buffer | string }[] = [];

  constructor(cipher: Cipher) {
    this._cipher = cipher;
  }

  channelData(channel: number, data: Buffer | string): void {
    this.ownData.push({ channel, data });
  }
}

/** The far side: takes packets apart as RFC 5647 has them. */
class Opener {
  private readonly name: string;
  private readonly key: Buffer;
  private readonly iv: Buffer;

  constructor({ _encSSLName, _encKey, _encIV }: Cipher) {
    this.name = _encSSLName;
    this.key = Buffer.from(_encKey);
    this.iv = Buffer.from(_encIV);
  }

  payloads(sealed: Buffer): Buffer[] {
    const payloads: Buffer[] = [];
    for (let at = 0; at < sealed.length; ) {
      const length = sealed.readUInt32BE(at);
      const end = at + 4 + length;
      const opening = createDecipheriv(this.name as 'aes-128-gcm', this.key, this.iv);
      opening.setAAD(sealed.subarray(at, at + 4));
      opening.setAuthTag(sealed.subarray(end, end + 16));
      const open = Buffer.concat([opening.update(sealed.subarray(at + 4, end)), opening.final()]);
      const padding = open[0] ?? 0;
      expect(length % 16).toBe(0);
      payloads.push(open.subarray(1, open.length - padding));
      this.iv.writeBigUInt64BE(BigInt.asUintN(64, this.iv.readBigUInt64BE(4) + 1n), 4);
      at = end + 16;
    }
    return payloads;
  }
}

/** A socket whose writes are done when the test says so. */
class Socket extends Writable {
  readonly writes: Buffer[] = [];
  /** Copies of what was given, at the time. */
  readonly seen: Buffer[] = [];
  readonly done: (() => void)[] = [];

  constructor() {
    super({ highWaterMark: 2 ** 30 });
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.writes.push(chunk);
    this.seen.push(Buffer.from(chunk));
    this.done.push(callback);
  }
}

let socket: Socket;
let owner: Protocol;

beforeEach(() => {
  socket = new Socket();
});

function takeOver(cipher: Cipher, engine?: NewGcmEngine): Cipher {
  owner = new Protocol(cipher);
  PacketSealer.takeOver(owner, socket, engine);
  return cipher;
}

/** Sends a payload as ssh2 does. */
function send(payload: Buffer): void {
  const cipher = owner._cipher as Cipher;
  const packet = cipher.allocPacket(payload.length);
  packet.set(payload, 5);
  cipher.encrypt(packet);
}

/** The message by which data go to a channel (RFC 4254, 5.2). */
function dataMessage(channel: number, data: Buffer): Buffer {
  const head = Buffer.alloc(9, 94);
  head.writeUInt32BE(channel, 1);
  head.writeUInt32BE(data.length, 5);
  return Buffer.concat([head, data]);
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const payload = (sizeBytes: number, seed: number) => Buffer.alloc(sizeBytes, seed);

function expectSame(opened: Buffer[], sent: Buffer[]): void {
  expect(opened.map(({ length }) => length)).toEqual(sent.map(({ length }) => length));
  expect(Buffer.concat(opened).equals(Buffer.concat(sent))).toBe(true);
}

describe.each([
  ['the library', LibraryGcm],
  ['the runtime', RuntimeGcm],
] as const)('by %s', (_, engine) => {
  test.each(['aes-128-gcm', 'aes-256-gcm'])(
    'packets of %s are what the far side opens, in their order, in one write a turn',
    async (name) => {
      const cipher = takeOver(new Cipher(1, name), engine);
      const opener = new Opener(cipher);
      // The counter runs over, and so does that of the packets.
      const payloads = [payload(11, 1), payload(32_768, 2), payload(4096, 3), payload(27, 4), payload(40_000, 5)];
      for (const each of payloads) send(each);
      expect(socket.writes).toEqual([]);
      await turn();
      expect(socket.writes).toHaveLength(1);
      expectSame(opener.payloads(socket.seen[0] ?? Buffer.alloc(0)), payloads);
      expect(cipher.outSeqno).toBe(payloads.length - 1);
    },
  );

  test('data for a channel are sealed as the message that they are, between other packets', async () => {
    const cipher = takeOver(new Cipher(1), engine);
    const opener = new Opener(cipher);
    // All of the paddings, and none at all to send.
    const all = [
      ...Array.from({ length: 17 }, (_none, at) => payload(4000 + at, at)),
      payload(0, 1),
      payload(32_768, 9),
    ];
    for (const data of all) {
      owner.channelData(0x01020304, data);
      send(payload(30, 7));
    }
    // Taken at once: the caller may use its memory again.
    for (const data of all) data.fill(0);
    await turn();
    const expected = all.flatMap(({ length }, at) => {
      const data = payload(length, at === 17 ? 1 : at === 18 ? 9 : at);
      return [dataMessage(0x01020304, data), payload(30, 7)];
    });
    expectSame(opener.payloads(Buffer.concat(socket.seen)), expected);
    expect(owner.ownData).toEqual([]);
    expect(cipher.outSeqno).toBe(expected.length - 1);
  });
});

test('data are left to ssh2 while keys are exchanged, where they are a text, and where it encrypts itself', async () => {
  takeOver(new Cipher(1));
  owner._kexinit = Buffer.alloc(1);
  owner.channelData(1, payload(10, 1));
  owner._kexinit = undefined;
  owner.channelData(2, 'text');
  owner._cipher = new Cipher(1, 'aes-128-ctr');
  owner.channelData(3, payload(10, 3));
  await turn();
  expect(owner.ownData).toEqual([
    { channel: 1, data: payload(10, 1) },
    { channel: 2, data: 'text' },
    { channel: 3, data: payload(10, 3) },
  ]);
  expect(socket.writes).toEqual([]);
});

test('a cipher that is of no more use seals nothing', async () => {
  const cipher = takeOver(new Cipher(1));
  cipher.free();
  expect(cipher.isFreed).toBe(true);
  owner.channelData(1, payload(10, 1));
  send(payload(10, 1));
  await turn();
  expect(socket.writes).toEqual([]);
});

test('what a turn sends leaves in one write, more than a mebibyte of it in several, and memory is used again only when its write is done', async () => {
  const cipher = takeOver(new Cipher(1));
  const opener = new Opener(cipher);
  const payloads = Array.from({ length: 192 }, (_, index) => payload(32_768, index));
  for (const each of payloads.slice(0, 32)) send(each);
  await turn();
  expect(socket.writes[0]?.length).toBeGreaterThan(2 ** 20);
  for (const each of payloads.slice(32)) send(each);
  await turn();
  // One write is under way, the others wait behind it: none of their memory may change.
  for (let at = 0; at < 20; at += 1) {
    socket.done.shift()?.();
    await turn();
  }
  expect(socket.writes.length).toBeGreaterThan(4);
  const used = new Set(socket.writes.map(({ buffer }) => buffer));
  expect(used.size).toBe(socket.writes.length);
  expectSame(opener.payloads(Buffer.concat(socket.seen)), payloads);
  for (const seed of [1, 2]) {
    send(payload(5000, seed));
    await turn();
    socket.done.shift()?.();
    await turn();
  }
  expect(used.has(socket.writes.at(-1)?.buffer as ArrayBuffer)).toBe(true);
});

test('new keys are used from the next packet on, in the same order', async () => {
  const first = takeOver(new Cipher(1));
  const [before, after] = [new Opener(first), new Cipher(2)];
  const behind = new Opener(after);
  send(payload(5000, 1));
  first.free();
  first.encrypt(Buffer.alloc(64));
  owner._cipher = after;
  send(payload(5000, 2));
  await turn();
  const sealed = socket.seen[0] ?? Buffer.alloc(0);
  const half = sealed.length / 2;
  expect(before.payloads(sealed.subarray(0, half))).toEqual([payload(5000, 1)]);
  expect(behind.payloads(sealed.subarray(half))).toEqual([payload(5000, 2)]);
});

test('what was sealed in the turn in which the connection ends leaves before its end; nothing after', async () => {
  const opener = new Opener(takeOver(new Cipher(1)));
  send(payload(20, 1));
  socket.end();
  send(payload(20, 2));
  await turn();
  expect(socket.writes).toHaveLength(1);
  expect(opener.payloads(socket.seen[0] ?? Buffer.alloc(0))).toEqual([payload(20, 1)]);
});

test('a packet that is larger than what usually leaves at once goes its way, too', async () => {
  const opener = new Opener(takeOver(new Cipher(1)));
  const payloads = [payload(5000, 1), payload(2 ** 20, 2), payload(5000, 3)];
  for (const each of payloads) send(each);
  await turn();
  while (socket.done.length > 0) {
    socket.done.shift()?.();
    await turn();
  }
  expectSame(opener.payloads(Buffer.concat(socket.seen)), payloads);
});

test('it says whether packets are sealed by it', () => {
  expect(PacketSealer.takeOver(new Protocol(new Cipher(1)), socket)).toBe(true);
  expect(PacketSealer.takeOver(new Protocol(new Cipher(1, 'aes-128-ctr')), socket)).toBe(false);
});

test('another cipher goes on as it is', () => {
  takeOver(new Cipher(1, 'aes-128-ctr'));
  expect(() => send(payload(10, 1))).toThrow('this is not the cipher that encrypts');
});
