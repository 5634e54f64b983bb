import { keyOrSignal } from '@archive2/core/cli/key-or-signal.ts';
import type { Call } from '../form.ts';

const clearScreen = '\u001b[H\u001b[2J\u001b[3J';

/** Prints what `look` says, again and again, until q or a signal; on a terminal in place. */
export async function watch(everyMs: number, call: Call, look: () => Promise<string>): Promise<void> {
  const end = keyOrSignal('q');
  try {
    while (!end.signal.aborted) {
      const text = await look();
      if (end.signal.aborted) return;
      await call.print(end.isTerminal ? `${clearScreen}${text}` : `${text}\n`);
      await call.clock.sleep(everyMs, end.signal);
    }
  } finally {
    end.restore();
  }
}
