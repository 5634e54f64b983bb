import { type CipherGCM, type CipherGCMTypes, createCipheriv, createDecipheriv, type DecipherGCM } from 'node:crypto';
import { addressOf, type LibcCall, libraryCalls } from '../base/libc-door.ts';
import { beforeAllocating } from '../codec/garbage.ts';

/** AES-GCM, one packet after the other with one key, from and to wherever the bytes lie. */
export interface GcmEngine {
  /** Begins a packet: its nonce of 12 bytes, and what is not encrypted but authenticated. */
  begin(iv: Buffer, clear: Buffer): void;
  /** The next bytes; `output` gets as many. */
  update(input: Buffer, output: Buffer): void;
  /** Ends a packet. Sealing fills the tag of 16 bytes; opening throws an Error where it is not the packet's. */
  finish(tag: Buffer): void;
  /** Forgets the key. To be called once, at the end. */
  close(): void;
}

export type GcmDirection = 'seal' | 'open';
export type NewGcmEngine = new (cipher: CipherGCMTypes, key: Buffer, direction: GcmDirection) => GcmEngine;

/** By the system's libcrypto where there is one: it takes a third of what the runtime takes (docs/decisions.md, 137). */
export function usualGcmEngine(): NewGcmEngine {
  usualEngine ??= gcmEngineWith(openLibrary);
  return usualEngine;
}

let usualEngine: NewGcmEngine | undefined;

/** `open` throws where the system's library cannot be used. */
export function gcmEngineWith(open: () => unknown): NewGcmEngine {
  try {
    open();
    return LibraryGcm;
  } catch {
    return RuntimeGcm;
  }
}

const update = { args: ['ptr', 'ptr', 'ptr', 'ptr', 'int'], returns: 'int' } as const;
const begin = { args: ['ptr', 'ptr', 'ptr', 'ptr', 'ptr'], returns: 'int' } as const;
const finish = { args: ['ptr', 'ptr', 'ptr'], returns: 'int' } as const;

const libcrypto = libraryCalls('libcrypto.so.3', {
  OPENSSL_init_crypto: { args: ['u64', 'ptr'], returns: 'int' },
  EVP_aes_128_gcm: { args: [], returns: 'ptr' },
  EVP_aes_256_gcm: { args: [], returns: 'ptr' },
  EVP_CIPHER_CTX_new: { args: [], returns: 'ptr' },
  EVP_CIPHER_CTX_free: { args: ['ptr'], returns: 'void' },
  EVP_CIPHER_CTX_ctrl: { args: ['ptr', 'int', 'int', 'ptr'], returns: 'int' },
  EVP_EncryptInit_ex: begin,
  EVP_EncryptUpdate: update,
  EVP_EncryptFinal_ex: finish,
  EVP_DecryptInit_ex: begin,
  EVP_DecryptUpdate: update,
  EVP_DecryptFinal_ex: finish,
});

/** From openssl/crypto.h: no file configures it, and it does nothing at our end. */
const openingOptions = 0x80 | 0x80000;
/** From openssl/evp.h. */
const [getTag, setTag] = [0x10, 0x11];
const ivBytes = 12;
const tagBytes = 16;

let isLibraryReady = false;

function openLibrary(): ReturnType<typeof libcrypto> {
  const calls = libcrypto();
  isLibraryReady ||= Number(calls.OPENSSL_init_crypto(openingOptions, 0)) === 1;
  if (!isLibraryReady) throw new Error('libcrypto does not start');
  return calls;
}

/** By the EVP calls of OpenSSL 3. */
export class LibraryGcm implements GcmEngine {
  private readonly direction: GcmDirection;
  private readonly calls = openLibrary();
  private readonly init: LibcCall;
  private readonly take: LibcCall;
  private readonly end: LibcCall;
  /** 0 when it is closed. */
  private context: number;
  /** Where a call says how much it has made, which is always as much as it took. */
  private readonly made = new Int32Array(new ArrayBuffer(4));
  private readonly madeAddress = addressOf(this.made);

  constructor(cipher: CipherGCMTypes, key: Buffer, direction: GcmDirection) {
    const { calls } = this;
    const { keyBytes, type } = cipherOf(calls, cipher);
    if (key.length !== keyBytes) throw new Error(`the key of ${cipher} has ${keyBytes} bytes, not ${key.length}`);
    this.direction = direction;
    this.init = direction === 'seal' ? calls.EVP_EncryptInit_ex : calls.EVP_DecryptInit_ex;
    this.take = direction === 'seal' ? calls.EVP_EncryptUpdate : calls.EVP_DecryptUpdate;
    this.end = direction === 'seal' ? calls.EVP_EncryptFinal_ex : calls.EVP_DecryptFinal_ex;
    this.context = Number(calls.EVP_CIPHER_CTX_new());
    this.check(this.init(this.open, type, 0, addressOf(key), 0));
  }

  begin(iv: Buffer, clear: Buffer): void {
    if (iv.length !== ivBytes) throw new Error(`the nonce has ${ivBytes} bytes`);
    this.check(this.init(this.open, 0, 0, 0, addressOf(iv)));
    this.check(this.take(this.open, 0, this.madeAddress, addressOf(clear), clear.length));
  }

  update(input: Buffer, output: Buffer): void {
    if (output.length < input.length) throw new Error('the output is shorter than the input');
    if (input.length === 0) return;
    this.check(this.take(this.open, addressOf(output), this.madeAddress, addressOf(input), input.length));
  }

  finish(tag: Buffer): void {
    if (tag.length !== tagBytes) throw new Error(`the tag has ${tagBytes} bytes`);
    const place = addressOf(tag);
    const isSealing = this.direction === 'seal';
    if (!isSealing) this.check(this.calls.EVP_CIPHER_CTX_ctrl(this.open, setTag, tagBytes, place));
    // Nothing is left to be written, and the place for it is not looked at.
    this.check(this.end(this.open, place, this.madeAddress));
    if (isSealing) this.check(this.calls.EVP_CIPHER_CTX_ctrl(this.open, getTag, tagBytes, place));
  }

  close(): void {
    // Nothing to it where there is none.
    this.calls.EVP_CIPHER_CTX_free(this.context);
    this.context = 0;
  }

  private get open(): number {
    if (this.context === 0) throw new Error('the engine is closed');
    return this.context;
  }

  private check(said: number | bigint): void {
    if (Number(said) !== 1) throw new Error(`the packet cannot be ${this.direction === 'seal' ? 'sealed' : 'opened'}`);
  }
}

function cipherOf(calls: ReturnType<typeof libcrypto>, cipher: CipherGCMTypes): { keyBytes: number; type: number } {
  if (cipher === 'aes-128-gcm') return { keyBytes: 16, type: Number(calls.EVP_aes_128_gcm()) };
  if (cipher === 'aes-256-gcm') return { keyBytes: 32, type: Number(calls.EVP_aes_256_gcm()) };
  throw new Error(`no such cipher: ${cipher}`);
}

/** By node:crypto, which makes an object for each packet, and a buffer for all that it encrypts. */
export class RuntimeGcm implements GcmEngine {
  private readonly cipher: CipherGCMTypes;
  private readonly key: Buffer;
  private readonly direction: GcmDirection;
  private sealing: CipherGCM | undefined;
  private opening: DecipherGCM | undefined;

  constructor(cipher: CipherGCMTypes, key: Buffer, direction: GcmDirection) {
    this.cipher = cipher;
    this.key = key;
    this.direction = direction;
  }

  begin(iv: Buffer, clear: Buffer): void {
    if (this.direction === 'seal') this.sealing = createCipheriv(this.cipher, this.key, iv).setAAD(clear);
    else this.opening = createDecipheriv(this.cipher, this.key, iv).setAAD(clear);
  }

  update(input: Buffer, output: Buffer): void {
    // A buffer and an object for each packet: counted once, an agent that ships 16 MB segments takes 204 MB, and 174 so.
    beforeAllocating(input.length * 3);
    output.set((this.sealing ?? this.opening)?.update(input) ?? nothingBegun());
  }

  finish(tag: Buffer): void {
    if (this.sealing !== undefined) {
      this.sealing.final();
      tag.set(this.sealing.getAuthTag());
    } else {
      (this.opening ?? nothingBegun()).setAuthTag(tag).final();
    }
  }

  close(): void {
    this.sealing = undefined;
    this.opening = undefined;
  }
}

function nothingBegun(): never {
  throw new Error('no packet was begun');
}
