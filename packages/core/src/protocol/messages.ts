import { Failure, type FailureOptions } from '../base/failure.ts';
import { isFailureCode } from '../base/failure-table.ts';
import type { MessageOf } from './fields.ts';

/**
 * The messages of a session (docs/protocol.md). `id` ties requests, bodies and answers together; the client counts it up.
 */
export const protocolVersion = 1;

/** The first line the server writes; whatever a login shell printed before it is skipped. */
export const preamble = 'archive2-session/1\n';

export const clientMessages = {
  hello: { version: 'count', program: 'text', cluster: 'text', walDirectory: 'text', peerHint: 'text?' },
  put: {
    id: 'count',
    name: 'text',
    modifiedMs: 'count',
    /** The cluster the sender means, where it knows: a wrong one is refused before the body is sent. */
    systemIdentifier: 'text?',
    /** Raw content digest: asks `same | send | conflict` before any body is sent. */
    digest: 'text?',
    forwarded: 'flag',
    /** The sender does not reach the peer: its copy is forwarded all the same, but hardly waited for. */
    peerAway: 'flag?',
  },
  data: { id: 'count' },
  end: { id: 'count', sizeBytes: 'count', sha256: 'text', rawDigest: 'text' },
  abort: { id: 'count' },
  /** `poll`: nothing ends because of a "no", so the archive is not listed for later WAL. */
  get: { id: 'count', name: 'text', systemIdentifier: 'text?', poll: 'flag?' },
  /** A copy that the reader found damaged: the host looks again by itself. */
  report: { id: 'count', name: 'text' },
  list: { id: 'count', newest: 'count' },
  probe: { id: 'count' },
} as const;

export const serverMessages = {
  hello: {
    version: 'count',
    program: 'text',
    cluster: 'text',
    walDirectory: 'text',
    rights: 'texts',
    /** Random, one for each archive directory: tells one archive that has two names from two archives. */
    storeId: 'text?',
    systemIdentifier: 'text?',
    segmentSizeBytes: 'count?',
    postgresMajor: 'count?',
    peer: 'text?',
  },
  send: { id: 'count' },
  stored: {
    id: 'count',
    /** new | same */
    outcome: 'text',
    storeId: 'text',
    /** stored: the peer confirmed its copy; debt: it will be paid; none: this host has no peer, or was itself the peer. */
    peerState: 'text',
    peer: 'text?',
    peerStoreId: 'text?',
  },
  found: { id: 'count', modifiedMs: 'count' },
  data: { id: 'count' },
  end: { id: 'count', sizeBytes: 'count', sha256: 'text' },
  /** `later`: a full segment that builds on the absent one, and that the archive does have. */
  absent: { id: 'count', later: 'text?' },
  /** outcome: whole | replaced | damaged | absent | known (looked at a moment ago). */
  reported: { id: 'count', outcome: 'text' },
  names: { id: 'count', names: 'texts' },
  probed: { id: 'count', freeBytes: 'count', freeInodes: 'count', debts: 'count', peer: 'text?', peerProblem: 'text?' },
  /** Bytes received so far in this session, sent while they move: what a client's stall timeout listens for. */
  progress: { receivedBytes: 'count' },
  error: { id: 'count?', code: 'text', message: 'text', hint: 'text?', details: 'text?' },
} as const;

export type ClientMessage = MessageOf<typeof clientMessages>;
export type ServerMessage = MessageOf<typeof serverMessages>;
export type ClientMessageOf<K extends ClientMessage['type']> = Extract<ClientMessage, { type: K }>;
export type ServerMessageOf<K extends ServerMessage['type']> = Extract<ServerMessage, { type: K }>;

export type Right = 'put' | 'get' | 'sync';

/** However it is written in JSON, an error with texts of this length fits in a frame's header. */
const maxErrorText = 2048;

/** The message that tells a failure. Texts too long for a frame are cut, and details that are, left out. */
export function errorMessage(failure: Failure, id?: number): ServerMessageOf<'error'> {
  const details = JSON.stringify(failure.details);
  return {
    type: 'error',
    code: failure.code,
    message: cut(failure.message),
    ...(id === undefined ? {} : { id }),
    ...(failure.hint === undefined ? {} : { hint: cut(failure.hint) }),
    ...(details === '{}' || details.length > 2 * maxErrorText ? {} : { details }),
  };
}

function cut(text: string): string {
  return text.length > maxErrorText ? `${text.slice(0, maxErrorText)} …` : text;
}

/** The failure that an error message stands for, with the host that sent it. A code we don't know is `protocol`. */
export function failureOfMessage(message: ServerMessageOf<'error'>, host: string): Failure {
  const options: FailureOptions = { details: { ...parseDetails(message.details), host } };
  if (message.hint !== undefined) options.hint = message.hint;
  if (!isFailureCode(message.code)) {
    return new Failure('protocol', `${message.message} (unknown error ${message.code.slice(0, 40)})`, options);
  }
  return new Failure(message.code, message.message, options);
}

function parseDetails(text: string | undefined): Record<string, string | number> {
  if (text === undefined) return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return {};
    const entries = Object.entries(value).filter(
      (entry): entry is [string, string | number] => typeof entry[1] === 'string' || typeof entry[1] === 'number',
    );
    return Object.fromEntries(entries);
  } catch {
    // Details only decorate a message: an error is still that error without them.
    return {};
  }
}
