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
    /** On how many archives the file must be before the sender acknowledges it; not said by older senders, and by the peer. */
    minCopies: 'count?',
  },
  data: { id: 'count' },
  end: { id: 'count', sizeBytes: 'count', fingerprint: 'text' },
  abort: { id: 'count' },
  /** `poll`: nothing ends because of a "no", so the archive is not listed for later WAL. */
  get: { id: 'count', name: 'text', systemIdentifier: 'text?', poll: 'flag?' },
  /** Whether the archive has the file: `found`, with nothing after it, or `absent` as for a poll. */
  look: { id: 'count', name: 'text', systemIdentifier: 'text?' },
  /** A copy that the reader found damaged: the host looks again by itself. */
  report: { id: 'count', name: 'text' },
  list: { id: 'count', newest: 'count' },
  /** The whole WAL directory, answered in `data` frames (catalog-text.ts) and an `end`. */
  catalog: { id: 'count' },
  /** The host reads its own copy and says what it is. */
  digest: { id: 'count', name: 'text' },
  /** The peer holds these files, with the same content: what is owed of them is owed no more. */
  settle: { id: 'count', names: 'texts' },
  /** From now on neither host lets a file be acknowledged that is not on both; with what the asking one has by now. */
  pledge: { id: 'count', storeId: 'text', newest: 'texts', histories: 'texts' },
  /** That has ended: no "no" speaks for both any more. */
  unpledge: { id: 'count', storeId: 'text' },
  /** The body names segments; the answer is what this host knows of its backups and pins, and which of these it lacks. */
  view: { id: 'count' },
  /** The host is to clean up its own files, by its own look; the body is the sender's view. */
  propose: {
    id: 'count',
    dryRun: 'flag',
    /** Files younger than this are kept whatever they are; the host may keep more. */
    keepSeconds: 'count',
    /** The sender has nothing left below this segment number (decimal). */
    clearedBelow: 'text?',
  },
  /** The sender needs the WAL from here on for a while; 0 seconds end the pin. */
  pin: { id: 'count', pin: 'text', holder: 'text', timeline: 'count', from: 'text', ttlSeconds: 'count' },
  probe: { id: 'count' },
  /** What the host holds and how it is, answered in `data` frames (backups/survey-text.ts) and an `end`. */
  survey: { id: 'count' },
  /** The newest events of the host's log, answered in `data` frames of lines (files/event-text.ts) and an `end`. */
  events: { id: 'count', newest: 'count', sinceMs: 'count?' },
  /** The stored bytes of one file of a complete base backup, from `offset` on. */
  fetch: { id: 'count', backup: 'text', file: 'text', offset: 'count?' },
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
    /** It answers `look`; not said by older hosts. */
    looks: 'flag?',
    peer: 'text?',
    /** The archive with which this one holds a pledge that it relies on; empty without one. */
    pledgedWith: 'text?',
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
    /** The archive that must have the file too, by a pledge, before a sender that wants two copies acknowledges it. */
    pledgedWith: 'text?',
  },
  found: { id: 'count', modifiedMs: 'count' },
  data: { id: 'count' },
  end: { id: 'count', sizeBytes: 'count', fingerprint: 'text' },
  /**
   * `later`: a full segment that builds on the absent one, and that the archive does have. `accepted`: who accepted the hole, when and
   * why; then there is no `later`. `speaksFor`: the peer does not have it either, as far as anybody was told that it is archived.
   */
  absent: { id: 'count', later: 'text?', accepted: 'text?', speaksFor: 'text?' },
  /** outcome: whole | replaced | damaged | absent | known (looked at a moment ago). */
  reported: { id: 'count', outcome: 'text' },
  /** `removed`: names that were cleaned up here and are not to be sent again. */
  names: { id: 'count', names: 'texts', removed: 'texts?' },
  /** state: whole | damaged | absent | unreadable; rawDigest of a whole one, reason of one that is not. */
  digested: { id: 'count', state: 'text', rawDigest: 'text?', reason: 'text?' },
  /** How many debts there were among them. */
  settled: { id: 'count', count: 'count' },
  /** The body is the view. */
  viewed: { id: 'count' },
  /** The body is the report of the cleanup. */
  cleaned: { id: 'count' },
  pinned: { id: 'count' },
  pledged: { id: 'count', newest: 'texts', histories: 'texts' },
  unpledged: { id: 'count' },
  probed: { id: 'count', freeBytes: 'count', freeInodes: 'count', debts: 'count', peer: 'text?', peerProblem: 'text?' },
  /** Bytes received so far in this session, sent while they move: what a client's stall timeout listens for. */
  progress: { receivedBytes: 'count' },
  error: { id: 'count?', code: 'text', message: 'text', hint: 'text?', details: 'text?' },
} as const;

export type ClientMessage = MessageOf<typeof clientMessages>;
export type ServerMessage = MessageOf<typeof serverMessages>;
export type ClientMessageOf<K extends ClientMessage['type']> = Extract<ClientMessage, { type: K }>;
export type ServerMessageOf<K extends ServerMessage['type']> = Extract<ServerMessage, { type: K }>;

export const allRights = ['put', 'get', 'sync', 'status'] as const;

export type Right = (typeof allRights)[number];

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
