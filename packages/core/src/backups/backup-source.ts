/** A base backup as it can be read from one archive host. */
export interface BackupSource {
  /** The host, for messages. */
  readonly host: string;
  /** "data.master.7" */
  readonly backup: string;
  /**
   * The stored bytes of one of its files ("base.tar.zst"), in pieces that are good until the next one is asked for. Ends
   * only after all of them came and were what the host read; else throws Failure `host_unreachable`, `host_stalled`, `damaged`, or
   * `not_found` for a file that is not there. Aborting `signal`, or leaving the loop, ends the transfer.
   */
  read(file: string, signal: AbortSignal): AsyncIterable<Buffer>;
}
