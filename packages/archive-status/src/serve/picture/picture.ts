import type { Span, Tick } from './time-axis.ts';
import type { Zoom } from './zoom.ts';

/** What was, for some time. Later kinds of the list are drawn over earlier ones. */
export const bandKinds = ['restorable', 'wal', 'remembered', 'single', 'accepted', 'hole', 'unknown'] as const;

export type BandKind = (typeof bandKinds)[number];

export interface Band {
  readonly kind: BandKind;
  readonly fromMs: number;
  readonly toMs: number;
  /** For people, without its time. */
  readonly what: string;
}

export const markKinds = ['timeline', 'backup', 'running', 'broken', 'passed', 'failed'] as const;

export type MarkKind = (typeof markKinds)[number];

/** What was at a moment. */
export interface Mark {
  readonly kind: MarkKind;
  readonly atMs: number;
  /** When it began, if it took time. */
  readonly sinceMs: number | null;
  readonly what: string;
}

export interface Lane {
  readonly name: string;
  /** A few words beside the name. */
  readonly note: string;
  readonly bands: readonly Band[];
  readonly marks: readonly Mark[];
}

/** A cluster over time: lanes one below the other, on one axis. */
export interface Picture {
  readonly zoom: Zoom;
  readonly span: Span;
  readonly ticks: readonly Tick[];
  readonly lanes: readonly Lane[];
}
