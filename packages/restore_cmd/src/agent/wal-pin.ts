import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '@archive2/core/base/clock.ts';
import { toFailure } from '@archive2/core/base/failure.ts';
import type { Log } from '@archive2/core/base/log.ts';
import { pinWal } from '@archive2/core/hosts/ask.ts';
import type { HostPool } from '@archive2/core/hosts/host-pool.ts';
import type { HostSpec } from '@archive2/core/hosts/host-spec.ts';
import { isArchiveFileName, parseArchiveFileName, type SegmentFile } from '@archive2/core/wal/archive-file.ts';
import { formatLsn } from '@archive2/core/wal/lsn.ts';
import { segmentNameAt, segmentNumber, segmentStartLsn } from '@archive2/core/wal/segment-position.ts';
import type { SegmentSize } from '@archive2/core/wal/segment-size.ts';

export interface WalPinOptions {
  pool: HostPool;
  hosts: readonly HostSpec[];
  /** Who needs the WAL, for people on the archive hosts. */
  holder: string;
  dataDirectory: string;
  clock: Clock;
  log: Log;
}

/** Far longer than a restart of the server takes; a server that is gone holds nothing for long. */
const ttlSeconds = 900;
const renewMs = 120_000;
/** PostgreSQL may begin again a few segments back, also where its pg_wal does not show it. */
const segmentsBack = 4;

/**
 * Has the archive hosts keep the WAL that a server is restoring, from the oldest segment that it may ask for again, so that a cleanup
 * does not take it away in between. A help, no condition: whatever goes wrong is logged once for each host, and nobody waits for it.
 */
export class WalPin {
  private readonly options: WalPinOptions;
  private readonly id = randomBytes(16).toString('hex');
  private readonly pinnedMs = new Map<string, number>();
  private readonly failed = new Set<string>();

  constructor(options: WalPinOptions) {
    this.options = options;
  }

  /** The server asks for a segment: the pin is made, moved or prolonged, beside the work, on the hosts that there is a session with. */
  asked(file: SegmentFile, size: SegmentSize): void {
    const { hosts, pool, clock } = this.options;
    const nowMs = clock.monotonicMs();
    const isDue = (host: HostSpec) => nowMs - (this.pinnedMs.get(host.text) ?? Number.NEGATIVE_INFINITY) >= renewMs;
    const due = hosts.filter((host) => pool.hasSession(host) && isDue(host));
    if (due.length === 0) return;
    const from = oldestNeeded(file, size, namesIn(this.options.dataDirectory));
    for (const host of due) {
      this.pinnedMs.set(host.text, nowMs);
      this.pin(host, file, from).then(
        () => this.failed.delete(host.text),
        (error: unknown) => this.tell(host, toFailure(error).message),
      );
    }
  }

  private async pin(host: HostSpec, file: SegmentFile, from: string): Promise<void> {
    const session = await this.options.pool.session(host);
    // A host that says nothing of pledges is of a release without pins, and would end the session over the question.
    if (session.hello.pledgedWith === undefined) throw new Error('its release has no pins');
    const { holder } = this.options;
    await pinWal(session, { pin: this.id, holder, timeline: file.timeline, from, ttlSeconds });
  }

  private tell(host: HostSpec, reason: string): void {
    if (this.failed.has(host.text)) return;
    this.failed.add(host.text);
    this.options.log.warning('WAL not pinned: a cleanup may remove what is being restored', {
      host: host.text,
      reason,
    });
  }
}

/**
 * Where the WAL begins that a server may ask for again, as an LSN: the oldest segment in its pg_wal, from which it would begin after a
 * restart, but at least a few before the one that it asks for. Pure.
 */
export function oldestNeeded(asked: SegmentFile, size: SegmentSize, walNames: readonly string[]): string {
  const position = segmentNumber(asked, size);
  const own = walNames
    .filter(isArchiveFileName)
    .map(parseArchiveFileName)
    .filter((file) => file.kind === 'segment')
    .map((file) => segmentNumber(file, size));
  const back = position > BigInt(segmentsBack) ? position - BigInt(segmentsBack) : 0n;
  // Files that wait to be used again have the names of segments that are to come.
  const oldest = own.reduce((least, number) => (number < least ? number : least), back);
  const file = parseArchiveFileName(segmentNameAt(asked.timeline, oldest, size)) as SegmentFile;
  return formatLsn(segmentStartLsn(file, size));
}

function namesIn(dataDirectory: string): string[] {
  try {
    return readdirSync(join(dataDirectory, 'pg_wal'));
  } catch {
    // Then a few segments back must do.
    return [];
  }
}

/** A pin's holder in the characters that it may have. */
export function pinHolder(machine: string, dataDirectory: string): string {
  return `restore_cmd ${machine}:${dataDirectory}`.replaceAll(/[^A-Za-z0-9 ._:@/-]/g, '_').slice(0, 80);
}
