/** How results are to be laid out. */
export interface Layout {
  /** Columns of the terminal; undefined when the output goes to a file or a program: nothing is cut then. */
  width: number | undefined;
  colours: boolean;
}

/** By what stdout is: colours only on a terminal that has them, and where NO_COLOR is not set. */
export function layoutOfStdout(environment: Readonly<Record<string, string | undefined>>): Layout {
  const { isTTY, columns } = process.stdout;
  if (!isTTY) return { width: undefined, colours: false };
  const isPlain = environment['TERM'] === 'dumb' || (environment['NO_COLOR'] ?? '') !== '';
  return { width: columns > 0 ? columns : 80, colours: !isPlain };
}

/** True when a person can be asked: questions go to stderr, answers come from stdin. */
export function canAsk(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

/** Asks a question whose answer must be typed out. False for anything else, the end of the input included. */
export async function confirm(question: string, answer: string): Promise<boolean> {
  // Only here: loading it is 3 ms of each command's start.
  const { createInterface } = await import('node:readline');
  return await new Promise((resolve) => {
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    let isRight = false;
    lines.on('close', () => resolve(isRight));
    lines.question(question, (typed) => {
      isRight = typed.trim() === answer;
      lines.close();
    });
  });
}
