import { type CallPattern, callPattern } from '@archive2/core/agent/call-words.ts';
import type { AgentRequest } from '@archive2/core/agent/client.ts';
import { readShipSettings, type ShipSettings, shipWords } from '../options.ts';
import { parseCall } from '../parse-call.ts';

/** The file that a call is about. */
export interface CallFile {
  path: string;
  name: string;
}

/** A command line as PostgreSQL calls it again and again, with only the file changing. */
export class ShipCall {
  readonly settings: ShipSettings;
  private readonly pattern: CallPattern;

  private constructor(settings: ShipSettings, pattern: CallPattern) {
    this.settings = settings;
    this.pattern = pattern;
  }

  /** Throws Failure `usage`. */
  static async parse(request: AgentRequest): Promise<ShipCall> {
    const { words, options } = await parseCall(request.args, request.environment);
    const { hostList, walDirectory, path, name, cluster } = shipWords(words);
    const settings = readShipSettings(hostList, walDirectory, cluster, options, request.environment);
    return new ShipCall(settings, callPattern(request, [path, name]));
  }

  /** The file of a call with this very command line and environment; undefined when anything else differs. */
  fileOf(request: AgentRequest): CallFile | undefined {
    const [path, name] = this.pattern.match(request) ?? [];
    return path === undefined || name === undefined ? undefined : { path, name };
  }
}
