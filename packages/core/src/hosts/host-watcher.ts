import type { HostSpec } from './host-spec.ts';

/** Who wants to know how archive hosts do. Called on the way of files: it must cost nothing, and not throw. */
export interface HostWatcher {
  hostFailed(host: HostSpec, failure: HostTrouble): void;
  /** It had failed, and answers again. */
  hostWorks(host: HostSpec, recovery: { wasCooling: boolean; forMs: number }): void;
}

export interface HostTrouble {
  reason: string;
  /** The first one since it worked. */
  isFirst: boolean;
  /** With this one the host has failed so often in a row that it is asked last. */
  beginsCooldown: boolean;
  /** Undefined while it is not in cooldown. */
  coolingUntilMs: number | undefined;
}

export const nobodyWatchesHosts: HostWatcher = { hostFailed: () => undefined, hostWorks: () => undefined };
