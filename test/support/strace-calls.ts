/** One system call, with the places in the trace where it began and ended. */
export interface TracedCall {
  name: string;
  /** The arguments as strace prints them; a descriptor with its path: `5</tmp/x>`. */
  args: string;
  result: string;
  beganAt: number;
  endedAt: number;
}

/** A call of one thread may be printed in two lines, with those of other threads between them. */
export function parseTrace(text: string): TracedCall[] {
  const calls: TracedCall[] = [];
  const unfinished = new Map<string, { name: string; args: string; beganAt: number }>();
  for (const [at, line] of text.split('\n').entries()) {
    const whole = /^(\d+) +(\w+)\((.*)\) += (.*)$/.exec(line);
    const begun = /^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$/.exec(line);
    const resumed = /^(\d+) +<\.\.\. \w+ resumed>(.*)\) += (.*)$/.exec(line);
    if (begun) {
      const [, thread = '', name = '', args = ''] = begun;
      unfinished.set(thread, { name, args, beganAt: at });
    } else if (resumed) {
      const [, thread = '', rest = '', result = ''] = resumed;
      const begin = unfinished.get(thread);
      if (begin) calls.push({ ...begin, args: begin.args + rest, result, endedAt: at });
    } else if (whole) {
      const [, , name = '', args = '', result = ''] = whole;
      calls.push({ name, args, result, beganAt: at, endedAt: at });
    }
  }
  return calls.sort((a, b) => a.beganAt - b.beganAt);
}
