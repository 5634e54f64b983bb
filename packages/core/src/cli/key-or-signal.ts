/** Until when something is repeated for a person. */
export interface KeyOrSignal {
  /** Aborted by the key, Ctrl-C, or a signal that asks us to end. */
  readonly signal: AbortSignal;
  /** Whether stdout is a terminal, to be drawn on. */
  readonly isTerminal: boolean;
  /** Gives the terminal back as it was. */
  restore(): void;
}

const controlC = '\u0003';

/** Listens for a key, where a person sits at a terminal, and for signals. */
export function keyOrSignal(key: string): KeyOrSignal {
  const controller = new AbortController();
  const end = () => controller.abort();
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, end);
  const { stdin, stdout } = process;
  const isTerminal = stdout.isTTY;
  const hasKeys = isTerminal && stdin.isTTY;
  if (hasKeys) {
    stdin.setRawMode(true);
    stdin.setEncoding('utf8');
    stdin.on('data', (typed) => {
      const text = String(typed);
      if (text.includes(key) || text.includes(controlC)) end();
    });
  }
  return {
    signal: controller.signal,
    isTerminal,
    restore() {
      if (!hasKeys) return;
      stdin.setRawMode(false);
      stdin.pause();
    },
  };
}
