import { createCipheriv } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { Readable } from 'node:stream';
import { array, assert, integer, nat, property } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LibraryGcm, RuntimeGcm } from '../../../packages/core/src/hosts/gcm-engines.ts';
import { PacketOpener } from '../../../packages/core/src/hosts/packet-opener.ts';

/** ssh2's decipher, as far as it is used. */
class Decipher {
  inSeqno = 0xffff_ffff;
  readonly _decipherSSLName: string;
  readonly _decipherKey: Buffer;
  readonly _decipherIV: Buffer;
  _lenBytes = 0;
  readonly payloads: Buffer[] = [];
  /** What ssh2 was left to open by itself. */
  readonly own: Buffer[] = [];
  isFreed = false;
  says: number | boolean | undefined;

  constructor(seed: number, name = 'aes-128-gcm') {
    this._decipherSSLName = name;
    this._decipherKey = Buffer.alloc(name.includes('256') ? 32 : 16, seed);
    this._decipherIV = Buffer.concat([Buffer.alloc(4, seed), Buffer.alloc(7, 0xff), Buffer.from([0xfe])]);
  }

  _onPayload = (payload: Buffer): number | boolean | undefined => {
    this.payloads.push(payload);
    return this.says;
  };

  decrypt(data: Buffer, from: number, to: number): number | boolean | undefined {
    this.own.push(data.subarray(from, to));
    return undefined;
  }

  free(): void {
    this.isFreed = true;
  }
}

/** The far side: makes packets as RFC 5647 has them. */
class Sealer {
  private readonly name: string;
  private readonly key: Buffer;
  private readonly iv: Buffer;

  constructor({ _decipherSSLName, _decipherKey, _decipherIV }: Decipher) {
    this.name = _decipherSSLName;
    this.key = Buffer.from(_decipherKey);
    this.iv = Buffer.from(_decipherIV);
  }

  packet(payload: Buffer): Buffer {
    const paddingBytes = 4 + ((16 - ((payload.length + 5) % 16)) % 16);
    return this.sealed(Buffer.concat([Buffer.from([paddingBytes]), payload, Buffer.alloc(paddingBytes, 0xaa)]));
  }

  sealed(open: Buffer): Buffer {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(open.length);
    const sealing = createCipheriv(this.name as 'aes-128-gcm', this.key, this.iv).setAAD(length);
    const sealed = Buffer.concat([length, sealing.update(open), sealing.final(), sealing.getAuthTag()]);
    this.iv.writeBigUInt64BE(BigInt.asUintN(64, this.iv.readBigUInt64BE(4) + 1n), 4);
    return sealed;
  }
}

const payload = (sizeBytes: number, seed: number) => Buffer.alloc(sizeBytes, seed);

function expectSame(opened: readonly Buffer[], sent: readonly Buffer[]): void {
  expect(opened.map(({ length }) => length)).toEqual(sent.map(({ length }) => length));
  expect(Buffer.concat(opened).equals(Buffer.concat(sent))).toBe(true);
}

describe.each([
  ['the library', LibraryGcm],
  ['the runtime', RuntimeGcm],
] as const)('by %s', (_, engine) => {
  test.each(['aes-128-gcm', 'aes-256-gcm'])('packets of %s are opened, however they arrive', (name) => {
    assert(
      property(
        array(nat({ max: 200 }), { minLength: 1, maxLength: 6 }),
        array(integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 40 }),
        (sizes, cuts) => {
          const decipher = new Decipher(3, name);
          const sealer = new Sealer(decipher);
          PacketOpener.takeOver({ _decipher: decipher }, undefined, engine);
          const payloads = sizes.map((size, at) => payload(size, at + 1));
          const sealed = Buffer.concat(payloads.map((each) => sealer.packet(each)));
          let at = 0;
          for (let turn = 0; at < sealed.length; turn += 1) {
            // Not from its beginning, and memory that is used again.
            const arrived = Buffer.concat([Buffer.alloc(3), sealed.subarray(at, at + (cuts[turn % cuts.length] ?? 1))]);
            expect(decipher.decrypt(arrived, 3, arrived.length)).toBeUndefined();
            at += arrived.length - 3;
            arrived.fill(0xee);
          }
          expectSame(decipher.payloads, payloads);
          expect(decipher.inSeqno).toBe(payloads.length - 1);
          expect(decipher.own).toEqual([]);
          decipher.free();
        },
      ),
    );
  });

  test('each payload keeps its memory', () => {
    const decipher = new Decipher(1);
    const sealer = new Sealer(decipher);
    PacketOpener.takeOver({ _decipher: decipher }, undefined, engine);
    const payloads = Array.from({ length: 40 }, (_none, at) => payload(32_768, at));
    for (const each of payloads) {
      const sealed = sealer.packet(each);
      decipher.decrypt(sealed, 0, sealed.length);
    }
    expectSame(decipher.payloads, payloads);
  });

  test('a packet that was changed on its way is not passed on', () => {
    const sealer = new Sealer(new Decipher(1));
    const sealed = sealer.packet(payload(100, 1));
    for (const at of [4, 5, 60, sealed.length - 17, sealed.length - 16, sealed.length - 1]) {
      const decipher = new Decipher(1);
      PacketOpener.takeOver({ _decipher: decipher }, undefined, engine);
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => decipher.decrypt(changed, 0, changed.length)).toThrow();
      expect(decipher.payloads).toEqual([]);
    }
  });
});

test.each([
  ['longer than any', 35_008],
  ['shorter than a block', 0],
  ['no multiple of a block', 33],
])('a packet whose length is %s is refused before its content', (_, sizeBytes) => {
  const decipher = new Decipher(1);
  PacketOpener.takeOver({ _decipher: decipher });
  const head = Buffer.alloc(4);
  head.writeUInt32BE(sizeBytes);
  expect(() => decipher.decrypt(head, 0, 4)).toThrow('Bad packet length');
});

test.each([0, 3, 32, 255])('a packet with a padding of %i bytes is refused', (paddingBytes) => {
  const decipher = new Decipher(1);
  const sealed = new Sealer(decipher).sealed(Buffer.concat([Buffer.from([paddingBytes]), Buffer.alloc(31)]));
  PacketOpener.takeOver({ _decipher: decipher });
  expect(() => decipher.decrypt(sealed, 0, sealed.length)).toThrow('Bad padding length');
  expect(decipher.payloads).toEqual([]);
});

test('what follows new keys is left to them: it says where that begins', () => {
  const first = new Decipher(1);
  const owner: { _decipher: unknown } = { _decipher: first };
  const [before, next] = [new Sealer(first), new Decipher(2)];
  const behind = new Sealer(next);
  PacketOpener.takeOver(owner);
  first._onPayload = (opened) => {
    first.payloads.push(opened);
    first.free();
    owner._decipher = next;
    return false;
  };
  const newKeys = before.packet(payload(1, 21));
  const arrived = Buffer.concat([newKeys, behind.packet(payload(50, 2))]);
  expect(first.decrypt(arrived, 0, arrived.length)).toBe(newKeys.length);
  expect(first.isFreed).toBe(true);
  expect(owner._decipher).toBe(next);
  expect(next.decrypt(arrived, newKeys.length, arrived.length)).toBeUndefined();
  expectSame([...first.payloads, ...next.payloads], [payload(1, 21), payload(50, 2)]);
});

test('another word of who hears a payload ends the reading, too', () => {
  const decipher = new Decipher(1);
  const sealer = new Sealer(decipher);
  PacketOpener.takeOver({ _decipher: decipher });
  decipher.says = 7;
  const arrived = Buffer.concat([sealer.packet(payload(10, 1)), sealer.packet(payload(10, 2))]);
  expect(decipher.decrypt(arrived, 0, arrived.length)).toBe(7);
  expect(decipher.payloads).toHaveLength(1);
});

test('a packet that ssh2 has begun it ends itself', () => {
  const decipher = new Decipher(1);
  const sealer = new Sealer(decipher);
  PacketOpener.takeOver({ _decipher: decipher });
  decipher._lenBytes = 2;
  const rest = payload(40, 1);
  decipher.decrypt(rest, 0, rest.length);
  expectSame(decipher.own, [rest]);
  decipher._lenBytes = 0;
  const sealed = sealer.packet(payload(10, 1));
  decipher.decrypt(sealed, 0, sealed.length);
  expectSame(decipher.payloads, [payload(10, 1)]);
});

test('another cipher goes on as it is', () => {
  const decipher = new Decipher(1, 'aes-128-ctr');
  PacketOpener.takeOver({ _decipher: decipher });
  const data = payload(10, 1);
  decipher.decrypt(data, 0, data.length);
  expectSame(decipher.own, [data]);
});

describe('the memory of what arrived', () => {
  /** A connection on which ssh2 listened first. */
  const connection = () => {
    const decipher = new Decipher(1);
    const sealer = new Sealer(decipher);
    const received = new EventEmitter();
    received.on('data', (chunk: Buffer) => decipher.decrypt(chunk, 0, chunk.length));
    PacketOpener.takeOver({ _decipher: decipher }, received as Readable);
    return { decipher, sealer, received };
  };

  test('is given back once it was opened, also in the middle of a packet, and the payloads stay', () => {
    const { decipher, sealer, received } = connection();
    const payloads = [payload(30_000, 1), payload(30_000, 2)];
    const sealed = Buffer.concat(payloads.map((each) => sealer.packet(each)));
    for (let at = 0; at < sealed.length; at += 20_100) {
      const chunk = Buffer.from(sealed.subarray(at, at + 20_100));
      received.emit('data', chunk);
      expect(chunk).toHaveLength(0);
    }
    expectSame(decipher.payloads, payloads);
  });

  test.each([
    ['ssh2 goes on with a packet that it has begun', (decipher: Decipher) => (decipher._lenBytes = 2)],
    ['the rest is for somebody else', (decipher: Decipher) => (decipher.says = false)],
  ])('stays where %s', (_, happens) => {
    const { decipher, sealer, received } = connection();
    happens(decipher);
    const chunk = sealer.packet(payload(30_000, 1));
    const sizeBytes = chunk.length;
    received.emit('data', chunk);
    expect(chunk).toHaveLength(sizeBytes);
  });
});
