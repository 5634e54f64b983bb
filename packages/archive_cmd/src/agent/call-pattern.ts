import type { AgentRequest } from '@archive2/core/agent/client.ts';
import { readShipSettings, type ShipSettings, shipWords } from '../options.ts';
import { parseCall } from '../parse-call.ts';

/** The file that a call is about. */
export interface CallFile {
  path: string;
  name: string;
}

/**
 * A command line as PostgreSQL calls it again and again, with only the file changing: parsed once, then recognized by
 * comparing words.
 */
export interface CallPattern {
  settings: ShipSettings;
  /** The file of a call with this very command line and environment; undefined when anything else differs. */
  match(request: AgentRequest): CallFile | undefined;
}

/** Parses a call and makes the pattern of its kind. Throws Failure `usage`. */
export async function callPattern(request: AgentRequest): Promise<CallPattern> {
  const { words, options } = await parseCall(request.args, request.environment);
  const { hostList, walDirectory, path, name, cluster } = shipWords(words);
  const settings = readShipSettings(hostList, walDirectory, cluster, options, request.environment);
  const nameAt = request.args.lastIndexOf(name);
  const pathAt = request.args.lastIndexOf(path, path === name ? nameAt - 1 : nameAt);
  const environment = environmentKey(request);
  return {
    settings,
    match(other) {
      if (other.args.length !== request.args.length || environmentKey(other) !== environment) return undefined;
      const differs = other.args.some((word, at) => at !== nameAt && at !== pathAt && word !== request.args[at]);
      const [otherPath, otherName] = [other.args[pathAt], other.args[nameAt]];
      if (differs || otherPath === undefined || otherName === undefined) return undefined;
      // What looks like an option where a file was is for the parser to judge.
      if (otherPath.startsWith('-') || otherName.startsWith('-')) return undefined;
      return { path: otherPath, name: otherName };
    },
  };
}

function environmentKey(request: AgentRequest): string {
  const entries = Object.entries(request.environment);
  return JSON.stringify(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
