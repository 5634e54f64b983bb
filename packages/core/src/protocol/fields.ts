import { Failure } from '../base/failure.ts';

/** What a field of a message may hold; a trailing `?` makes it optional. `count` is a whole number from 0 to 2^53-1. */
type FieldKind = 'text' | 'count' | 'flag' | 'texts';
export type Fields = Record<string, FieldKind | `${FieldKind}?`>;

interface KindValue {
  text: string;
  count: number;
  flag: boolean;
  texts: string[];
}

type ValueOf<K> = K extends `${infer Base}?` ? ValueOf<Base> : K extends FieldKind ? KindValue[K] : never;
type OptionalKeys<F extends Fields> = { [K in keyof F]: F[K] extends `${string}?` ? K : never }[keyof F];

type Decoded<F extends Fields> = { -readonly [K in Exclude<keyof F, OptionalKeys<F>>]: ValueOf<F[K]> } & {
  -readonly [K in OptionalKeys<F>]?: ValueOf<F[K]>;
};

export type MessageTable = Record<string, Fields>;

/** A union of all messages of a table, told apart by `type`. */
export type MessageOf<T extends MessageTable> = { [K in keyof T & string]: { type: K } & Decoded<T[K]> }[keyof T &
  string];

const maxTextLength = 16 * 1024;

/**
 * Turns a frame header into a message of `table`, copying only the fields it names (a newer program may send more).
 * Throws Failure `protocol` for an unknown type or a field that is missing or of the wrong kind.
 */
export function decodeMessage<T extends MessageTable>(table: T, header: Record<string, unknown>): MessageOf<T> {
  const { type } = header;
  if (typeof type !== 'string' || !Object.hasOwn(table, type)) {
    throw new Failure('protocol', `unknown message type ${JSON.stringify(type)?.slice(0, 60)}`);
  }
  const message: Record<string, unknown> = { type };
  for (const [field, kind] of Object.entries(table[type] ?? {})) {
    const value = header[field];
    if (value === undefined && kind.endsWith('?')) continue;
    if (!fits(kind.replace('?', '') as FieldKind, value)) {
      throw new Failure('protocol', `message ${type}: field ${field} is not a ${kind}`);
    }
    message[field] = value;
  }
  return message as MessageOf<T>;
}

function fits(kind: FieldKind, value: unknown): boolean {
  switch (kind) {
    case 'text':
      return typeof value === 'string' && value.length <= maxTextLength;
    case 'count':
      return Number.isSafeInteger(value) && (value as number) >= 0;
    case 'flag':
      return typeof value === 'boolean';
    case 'texts':
      return Array.isArray(value) && value.every((item) => typeof item === 'string' && item.length <= maxTextLength);
  }
}
