import { join } from 'node:path';
import type { Clock } from '@archive2/core/base/clock.ts';
import { toFailure } from '@archive2/core/base/failure.ts';
import type { Log } from '@archive2/core/base/log.ts';
import type { ArchiveSession } from '@archive2/core/hosts/archive-session.ts';
import type { HostSpec } from '@archive2/core/hosts/host-spec.ts';
import {
  type ArchiveFile,
  parseArchiveFileName,
  type SegmentFile,
  type SegmentName,
} from '@archive2/core/wal/archive-file.ts';
import type { SegmentSize } from '@archive2/core/wal/segment-size.ts';
import type { Answer } from '../answer.ts';
import { fetchAnywhere, type Sources } from '../fetch/fetch-anywhere.ts';
import { reportDamage } from '../fetch/report-damage.ts';
import type { PlaceFailure } from '../receive/place-failure.ts';
import type { Receive } from '../receive/receive-file.ts';
import { segmentSizeOf } from './held-segment-size.ts';
import type { HeldFile, SegmentBuffer } from './segment-buffer.ts';
import { type BufferBounds, planPrefetch, windowAfter, windowCounts, windowUpTo } from './window.ts';

export interface PrefetcherOptions {
  sources: Sources;
  buffer: SegmentBuffer;
  receive: Receive;
  /** How much to have ready; 0 segments fetches nothing ahead. */
  bounds: BufferBounds;
  /** Decimal; undefined when the data directory does not show it. */
  systemIdentifier: () => string | undefined;
  /** Hears of each segment that PostgreSQL asks for, once the segment size is known. */
  onAsked: (file: SegmentFile, size: SegmentSize) => void;
  /** Hears of each file that a host delivered, and of each copy that was not whole. */
  onFetched: (host: HostSpec) => void;
  onDamaged: (host: string, name: string, reason: string) => void;
  clock: Clock;
  log: Log;
}

/** What asking for a file came to; a delivered file is held in the buffer until it is handed out. */
export interface Obtained {
  answer: Answer;
  held?: HeldFile;
  /** It was there, or on its way, before it was asked for. */
  wasReady?: boolean;
  /** There is no place for it in the buffer. */
  placeFailure?: PlaceFailure;
}

/** Two fetches for each host: while one is decompressed or written, by another thread, the other one arrives. */
const slots = 4;
/** At the end of the WAL the next segment is looked for this often, */
const pollMs = 500;
/** for as long as PostgreSQL asks; it does every wal_retrieve_retry_interval (5 s). */
const interestMs = 30_000;
const abandonedMs = 60_000;

/**
 * Fetches what PostgreSQL asks for, and after that what it will ask for, from both hosts at the same time. It remembers no
 * absence beyond a request, and a failure only until the next one.
 */
export class Prefetcher {
  private readonly options: PrefetcherOptions;
  private readonly underWay = new Map<string, Promise<Obtained>>();
  private asked: { file: SegmentFile; size: SegmentSize } | undefined;
  private askedAtMs = Number.NEGATIVE_INFINITY;
  private absent: SegmentName | undefined;
  /** The last look found the end of the WAL: one look at a time is enough until there is more. */
  private isAtEnd = false;
  /** No host had what was asked for last: the next file may not be there either. */
  private wasAbsent = false;
  private nextHost = 0;
  private poll: ReturnType<typeof setTimeout> | undefined;
  private stopped = false;

  constructor(options: PrefetcherOptions) {
    this.options = options;
  }

  /** Asks for a file: what is held, what is on its way, or what the hosts say now (see Wanted). Never throws. */
  async obtain(file: ArchiveFile, isDecisive: boolean): Promise<Obtained> {
    const { buffer, clock } = this.options;
    await buffer.removeAbandoned(clock.monotonicMs(), abandonedMs);
    let obtained =
      (await this.heldFile(file.name)) ?? (await this.arriving(file.name)) ?? (await this.fetch(file, isDecisive));
    if (obtained.placeFailure !== undefined) {
      // What was fetched ahead must not stand in the way of what is wanted now.
      await buffer.drop([...buffer.names()]);
      obtained = await this.fetch(file, isDecisive);
    }
    if (file.kind === 'segment') this.askedFor(file, obtained);
    return obtained;
  }

  /** Gives a held file away, to be renamed. A segment that may be asked for again is kept as well. */
  handOut(file: ArchiveFile): HeldFile | undefined {
    const { buffer, clock, bounds } = this.options;
    const isAsked = this.asked !== undefined && this.asked.file.name === file.name;
    const keep = isAsked && this.asked !== undefined && windowCounts(bounds, this.asked.size).behind > 0;
    return buffer.handOut(file.name, clock.monotonicMs(), keep);
  }

  get filesUnderWay(): number {
    return this.underWay.size;
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.poll);
  }

  private async heldFile(name: string): Promise<Obtained | undefined> {
    const held = await this.options.buffer.look(name);
    return held === undefined ? undefined : { answer: { kind: 'delivered' }, held, wasReady: true };
  }

  /** Waits for a fetch that is under way. What it does not bring is asked for anew: it may have begun before the file came. */
  private async arriving(name: string): Promise<Obtained | undefined> {
    const obtained = await this.underWay.get(name);
    return obtained?.answer.kind === 'delivered' ? await this.heldFile(name) : undefined;
  }

  private fetch(file: ArchiveFile, isDecisive: boolean): Promise<Obtained> {
    const fetching = this.fetchNow(file, isDecisive).finally(() => {
      // Another one for the same file may have begun meanwhile.
      if (this.underWay.get(file.name) === fetching) this.underWay.delete(file.name);
    });
    this.underWay.set(file.name, fetching);
    return fetching;
  }

  private async fetchNow(file: ArchiveFile, isDecisive: boolean): Promise<Obtained> {
    const { sources, buffer, receive, clock, log, systemIdentifier, onFetched } = this.options;
    // Beside the work: a host that repairs its copy takes its time.
    const onDamaged = (session: ArchiveSession, reason: string) => {
      this.options.onDamaged(session.host, file.name, reason);
      reportDamage(session, file.name, log).catch(() => undefined);
    };
    const wanted = {
      file,
      path: join(buffer.directory, file.name),
      systemIdentifier: systemIdentifier(),
      isDecisive,
      isLikelyAbsent: this.wasAbsent,
      onDamaged,
      receive,
    };
    const result = await fetchAnywhere(sources, wanted, clock, log, this.nextHost++);
    const { answer, fetched, host, placeFailure } = result;
    this.wasAbsent = answer.kind === 'absent';
    if (host !== undefined) onFetched(host);
    if (fetched === undefined) return placeFailure === undefined ? { answer } : { answer, placeFailure };
    const held = { path: fetched.part.path, modifiedMs: fetched.modifiedMs, fingerprint: fetched.fingerprint };
    await fetched.part.close();
    return { answer, held: buffer.hold(file.name, held) };
  }

  private askedFor(file: SegmentFile, obtained: Obtained): void {
    this.askedAtMs = this.options.clock.monotonicMs();
    const size = obtained.held === undefined ? this.asked?.size : segmentSizeOf(obtained.held.path);
    if (size === undefined) return;
    this.asked = { file, size };
    this.options.onAsked(file, size);
    this.isAtEnd = obtained.answer.kind !== 'delivered';
    this.absent = this.isAtEnd ? file.name : undefined;
    this.advance();
  }

  /** Begins what there is room for, and drops what is of no more use. */
  private advance(): void {
    if (this.stopped || this.asked === undefined) return;
    const { buffer, bounds, log } = this.options;
    const { file, size } = this.asked;
    const { ahead, behind: kept } = windowCounts(bounds, size);
    const window = windowAfter(file, ahead, size);
    const behind = windowUpTo(file, kept, size);
    // The file that was just asked for is held until the client has it.
    const held = new Set([...buffer.names()].filter((name) => name !== file.name));
    const underWay = new Set(this.underWay.keys());
    const freeSlots = (this.isAtEnd ? 1 : slots) - underWay.size;
    const plan = planPrefetch({ window, behind, held, underWay, absent: this.absent, freeSlots });
    buffer.drop(plan.drop).catch((error: unknown) => log.warning('buffer not cleaned', { reason: String(error) }));
    for (const name of plan.fetch) this.prefetch(name);
    this.pollAtTheEnd();
  }

  private prefetch(name: SegmentName): void {
    this.fetch(parseArchiveFileName(name), false).then(
      ({ answer, placeFailure }) => {
        this.isAtEnd = answer.kind !== 'delivered';
        if (!this.isAtEnd) {
          this.advance();
        } else {
          // Absent, or not known: nothing after it is of use before it. The next request, or look, asks again.
          if (this.absent === undefined || name < this.absent) this.absent = name;
          // What did not fit is not fetched over and over: the next request makes room, and looks again.
          if (placeFailure === undefined) this.pollAtTheEnd();
        }
      },
      (error: unknown) => this.options.log.warning('not fetched ahead', { name, reason: toFailure(error).message }),
    );
  }

  private pollAtTheEnd(): void {
    if (this.poll !== undefined || this.absent === undefined || this.stopped) return;
    this.poll = setTimeout(() => {
      this.poll = undefined;
      if (this.options.clock.monotonicMs() - this.askedAtMs > interestMs) return;
      const { absent } = this;
      this.absent = undefined;
      // The very segment that PostgreSQL waits for is not in its own window.
      if (absent === undefined || absent !== this.asked?.file.name) this.advance();
      else if (!this.underWay.has(absent)) this.prefetch(absent);
    }, pollMs);
  }
}
