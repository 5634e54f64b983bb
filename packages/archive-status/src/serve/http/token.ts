import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { Failure } from '@archive2/core/base/failure.ts';

const leastLength = 16;

/** What a client must know. Only a digest is kept, so that comparing takes the same time whatever is compared. */
export class Token {
  readonly #digest: Buffer;

  constructor(secret: string) {
    this.#digest = digestOf(secret);
  }

  /**
   * Reads it from a file of one line. Throws Failure `usage` when others may read the file, or it holds fewer than 16
   * characters.
   */
  static async read(path: string): Promise<Token> {
    const { mode } = await stat(path).catch((error: Error) => {
      throw new Failure('usage', `--token-file cannot be read: ${error.message}`, { cause: error });
    });
    if ((mode & 0o007) !== 0) {
      throw new Failure('usage', `${path} may be read by anybody, so it is no secret`, { hint: `chmod 0600 ${path}` });
    }
    const secret = (await readFile(path, 'utf8')).trim();
    if (secret.length < leastLength || /\s/.test(secret)) {
      throw new Failure('usage', `${path} does not hold a token: one word of at least ${leastLength} characters`, {
        hint: `head -c 24 /dev/urandom | base64 > ${path}`,
      });
    }
    return new Token(secret);
  }

  /** `authorization`: that header's value, "Bearer TOKEN" or "Basic" with the token as password and any user name. */
  isIn(authorization: string | undefined): boolean {
    const [, scheme = '', value = ''] = /^(bearer|basic) +(\S+)$/i.exec(authorization ?? '') ?? [];
    const given = scheme.toLowerCase() === 'basic' ? passwordOf(value) : value;
    return timingSafeEqual(digestOf(given), this.#digest);
  }
}

function passwordOf(credentials: string): string {
  const text = Buffer.from(credentials, 'base64').toString('utf8');
  return text.slice(text.indexOf(':') + 1);
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
