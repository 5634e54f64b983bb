import * as fc from 'fast-check';
import type { Protection } from '../../../packages/core/src/backups/protection.ts';
import { type ArchiveFileName, parseArchiveFileName } from '../../../packages/core/src/wal/archive-file.ts';
import { lsnFromBytes } from '../../../packages/core/src/wal/lsn.ts';
import { parseSegmentSize } from '../../../packages/core/src/wal/segment-size.ts';
import { timelineFromNumber } from '../../../packages/core/src/wal/timeline-id.ts';
import { nameOf } from '../archive/wal-segment.ts';

const segmentBytes = 2 ** 20;
export const size = parseSegmentSize(segmentBytes);

/** A timeline that left `parent` at a position, with WAL up to another. Positions are in bytes. */
interface ModelTimeline {
  id: number;
  parent: number;
  begin: number;
  end: number;
}

/** A backup or pin: its holder reads WAL forward from here. */
interface ModelStart {
  timeline: number;
  position: number;
  kind: 'complete' | 'unfinished' | 'partial' | 'pin';
  host: 'arch1' | 'arch2';
}

export interface World {
  timelines: ModelTimeline[];
  starts: ModelStart[];
}

const pageBytes = 8192;

/** Evenly spread: most backups are not at the very beginning of the WAL. */
const anyShare = fc.noBias(fc.integer({ min: 0, max: 1000 })).map((share) => share / 1000);

export interface WorldLimits {
  /** Segments of the first timeline. */
  first: number;
  children: number;
  /** Segments of a further timeline. */
  length: number;
  starts: number;
}

/** Histories with restores to earlier points: a higher timeline may begin far below the end of a lower one. */
export function worldsWithin(limits: WorldLimits): fc.Arbitrary<World> {
  return fc
    .record({
      first: fc.noBias(fc.integer({ min: 1, max: limits.first })),
      children: fc.array(fc.tuple(fc.nat(), anyShare, fc.integer({ min: 0, max: limits.length })), {
        maxLength: limits.children,
      }),
      starts: fc.array(
        fc.record({
          timeline: fc.nat(),
          at: anyShare.map(Math.sqrt),
          kind: fc.constantFrom('complete', 'complete', 'unfinished', 'partial', 'pin'),
          host: fc.constantFrom('arch1', 'arch2'),
        }),
        { minLength: 1, maxLength: limits.starts },
      ),
    })
    .map(({ first, children, starts }) => {
      const timelines: ModelTimeline[] = [{ id: 1, parent: 0, begin: segmentBytes, end: (first + 1) * segmentBytes }];
      const between = ({ begin, end }: ModelTimeline, at: number) =>
        begin + Math.floor(((end - begin) * at) / pageBytes) * pageBytes;
      for (const [index, [parentIndex, at, length]] of children.entries()) {
        const parent = timelines[parentIndex % timelines.length]!;
        const begin = between(parent, at);
        timelines.push({ id: index + 2, parent: parent.id, begin, end: begin + length * segmentBytes + pageBytes });
      }
      const placed = starts.map(({ timeline, at, kind, host }) => {
        const on = timelines[timeline % timelines.length]!;
        return { timeline: on.id, position: between(on, at), kind, host } as ModelStart;
      });
      return { timelines, starts: placed };
    });
}

export const anyWorld = worldsWithin({ first: 40, children: 6, length: 20, starts: 8 });

/** What the history file of a timeline says. */
export function historyText(world: World, timeline: number): string {
  const of = world.timelines.find(({ id }) => id === timeline)!;
  const [, ...ancestors] = lineageOf(world, of);
  const lines = ancestors.map(({ id }, index) => {
    const left = index === 0 ? of : ancestors[index - 1]!;
    return `${id}\t0/${left.begin.toString(16).toUpperCase()}\tno recovery target specified\n`;
  });
  return lines.toReversed().join('');
}

export function protectionsIn(world: World): Protection[] {
  return world.starts.map(({ timeline, position, kind, host }, index) => ({
    host,
    holder: `${kind} ${index}`,
    from: { timeline: timelineFromNumber(timeline)!, lsn: lsnFromBytes(BigInt(position)) },
    unreadable: undefined,
    permits: kind === 'complete',
    startedMs: 0,
  }));
}

/** Everything that was archived: full segments, the .partial of each timeline that was left, histories, .backup files. */
export function archivedNames(world: World): ArchiveFileName[] {
  const names: string[] = [];
  for (const { id, parent, begin, end } of world.timelines) {
    for (let number = segmentOf(begin); number < segmentOf(end); number += 1) names.push(nameOf(number, id));
    if (parent > 0) {
      names.push(`${nameOf(0, id).slice(0, 8)}.history`);
      names.push(`${nameOf(segmentOf(begin), parent)}.partial`);
    }
  }
  for (const { timeline, position, kind } of world.starts) {
    if (kind !== 'complete') continue;
    const offset = (position % segmentBytes).toString(16).toUpperCase().padStart(8, '0');
    names.push(`${nameOf(segmentOf(position), timeline)}.${offset}.backup`);
  }
  return [...new Set(names)].map((name) => parseArchiveFileName(name).name);
}

/**
 * Every archive file that any recovery from any of the starts asks for: to each timeline that it can follow, as PostgreSQL looks
 * for a segment (XLogFileReadAnyTLI in xlogrecovery.c): on the target's timeline and its ancestors, newest first, those left out
 * that begin after the segment.
 */
export function askedForByRecoveries(world: World): Set<string> {
  const asked = new Set<string>();
  for (const start of world.starts) {
    asked.add(
      `${nameOf(segmentOf(start.position), start.timeline)}.${(start.position % segmentBytes).toString(16).toUpperCase().padStart(8, '0')}.backup`,
    );
    for (const target of world.timelines) {
      const lineage = lineageOf(world, target);
      if (!canFollow(lineage, start)) continue;
      for (const { id } of lineage) asked.add(`${nameOf(0, id).slice(0, 8)}.history`);
      for (let number = segmentOf(start.position); number <= segmentOf(target.end); number += 1) {
        for (const { id, begin } of lineage) {
          if (segmentOf(begin) > number) continue;
          asked.add(nameOf(number, id));
          asked.add(`${nameOf(number, id)}.partial`);
        }
      }
    }
  }
  return asked;
}

/** The timeline and its ancestors, newest first. */
function lineageOf({ timelines }: World, of: ModelTimeline): ModelTimeline[] {
  const parent = timelines.find(({ id }) => id === of.parent);
  return parent === undefined ? [of] : [of, ...lineageOf({ timelines, starts: [] }, parent)];
}

/** Recovery reaches the target only if the target's history goes through the start. */
function canFollow(lineage: readonly ModelTimeline[], { timeline, position }: ModelStart): boolean {
  const index = lineage.findIndex(({ id }) => id === timeline);
  if (index < 0) return false;
  const child = lineage[index - 1];
  return child === undefined || child.begin >= position;
}

function segmentOf(position: number): number {
  return Math.floor(position / segmentBytes);
}
