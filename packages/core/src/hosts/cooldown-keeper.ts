import type { Log } from '../base/log.ts';
import type { CooldownState } from './cooldown.ts';
import { loadCooldown, saveCooldown } from './cooldown-file.ts';

/** What a HostPool needs to remember its hosts' cooldowns beyond its own life. */
export interface CooldownKeeper {
  cooldown: CooldownState;
  onCooldownChange: (state: CooldownState) => void;
  /** Resolves when what changed so far is written: before a process ends, or the next one knows of failures alone. */
  saved: () => Promise<void>;
}

/** Keeps cooldowns in a state directory, or only in memory where there is none. A failed write costs a log line, nothing else. */
export async function keepCooldown(stateDirectory: string | undefined, log: Log): Promise<CooldownKeeper> {
  if (stateDirectory === undefined)
    return { cooldown: new Map(), onCooldownChange: () => undefined, saved: async () => undefined };
  let saving: Promise<void> = Promise.resolve();
  return {
    cooldown: await loadCooldown(stateDirectory),
    onCooldownChange: (state) => {
      saving = saving
        .then(() => saveCooldown(stateDirectory, state))
        .catch((error: unknown) => log.warning('cooldown not remembered', { reason: String(error) }));
    },
    saved: () => saving,
  };
}
