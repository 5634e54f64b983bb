import type { AgentRequest } from './client.ts';

/** Recognizes the calls that differ from a known one only in some of their words. */
export interface CallPattern {
  /** The varying words of a call with otherwise this very command line and environment; undefined when anything else differs. */
  match(request: AgentRequest): readonly string[] | undefined;
}

/**
 * The pattern of a request in which the words `varying`, given in their order on the command line, change from call to call.
 * PostgreSQL makes the same call again and again: its command line is parsed once, and then compared.
 */
export function callPattern(request: AgentRequest, varying: readonly string[]): CallPattern {
  const places = placesOf(request.args, varying);
  const environment = environmentKey(request);
  return {
    match(other) {
      if (other.args.length !== request.args.length || environmentKey(other) !== environment) return undefined;
      if (other.args.some((word, at) => !places.includes(at) && word !== request.args[at])) return undefined;
      const words = places.map((at) => other.args[at] ?? '');
      // What looks like an option where a file was is for the parser to judge.
      return words.some((word) => word === '' || word.startsWith('-')) ? undefined : words;
    },
  };
}

/** Where the varying words stand: sought from the end, because a word may also stand earlier as an option's value. */
function placesOf(args: readonly string[], varying: readonly string[]): number[] {
  const places: number[] = [];
  let before = args.length;
  for (const word of varying.toReversed()) {
    // Not lastIndexOf(word, -1), which would search from the end.
    before = before > 0 ? args.lastIndexOf(word, before - 1) : -1;
    places.unshift(before);
  }
  return places;
}

function environmentKey(request: AgentRequest): string {
  const entries = Object.entries(request.environment);
  return JSON.stringify(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
