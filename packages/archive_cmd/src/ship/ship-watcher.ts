import type { HostSpec } from '@archive2/core/hosts/host-spec.ts';
import type { PutVerdict } from '@archive2/core/hosts/put.ts';

/** Who wants to know what becomes of files. Called on their way: it must cost nothing, and not throw. */
export interface ShipWatcher {
  /** So many files are marked as ready. */
  ready(count: number): void;
  /** A host confirmed a file; `isFirst` of those that are asked for. The put began at `begunMs` of the monotonic clock. */
  confirmed(host: HostSpec, verdict: PutVerdict, put: { isFirst: boolean; begunMs: number }): void;
  /** Another host is asked, because one has failed. */
  retried(): void;
  /** A file is archived, with as many copies as were asked for. */
  shipped(sizeBytes: number, tookMs: number): void;
  failed(): void;
}

export const nobodyWatches: ShipWatcher = {
  ready: () => undefined,
  confirmed: () => undefined,
  retried: () => undefined,
  shipped: () => undefined,
  failed: () => undefined,
};
