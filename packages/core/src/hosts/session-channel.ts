import type { Duplex, Readable } from 'node:stream';

/** What a session runs over: the stdin and stdout of `archive_remote_cmd serve`, near or far. */
export interface SessionChannel {
  stream: Duplex;
  /** What the far program says to people; undefined where nobody can hear it. */
  stderr?: Readable;
  /** The host as messages name it. */
  host: string;
  /** When data last moved on what carries the channel, on the monotonic clock, where that can be told. */
  transferredAtMs?(): number;
  /** Ends the channel and what carries it; pending reads and writes fail. Called more than once, it does nothing. */
  close(): void;
}
