import { type CallPattern, callPattern } from '@archive2/core/agent/call-words.ts';
import type { AgentRequest } from '@archive2/core/agent/client.ts';
import { parseCall, settingsStamp } from '@archive2/core/cli/command-call.ts';
import { commandSpec, readShipSettings, type ShipSettings, shipWords } from '../options.ts';

/** The file that a call is about. */
export interface CallFile {
  path: string;
  name: string;
}

/** A command line as PostgreSQL calls it again and again, with only the file changing. */
export class ShipCall {
  readonly settings: ShipSettings;
  private readonly pattern: CallPattern;
  private readonly stamp: string;

  private constructor(settings: ShipSettings, pattern: CallPattern, stamp: string) {
    this.settings = settings;
    this.pattern = pattern;
    this.stamp = stamp;
  }

  /** Throws Failure `usage`. */
  static async parse(request: AgentRequest): Promise<ShipCall> {
    const stamp = settingsStamp(commandSpec);
    const { words, options } = await parseCall(commandSpec, request.args, request.environment);
    const { hostList, walDirectory, path, name, cluster } = shipWords(words);
    const settings = readShipSettings(hostList, walDirectory, cluster, options, request.environment);
    return new ShipCall(settings, callPattern(request, [path, name]), stamp);
  }

  /** False when the settings file changed since: what was parsed no longer holds. */
  get isCurrent(): boolean {
    return settingsStamp(commandSpec) === this.stamp;
  }

  /** The file of a call with this very command line and environment; undefined when anything else differs. */
  fileOf(request: AgentRequest): CallFile | undefined {
    if (!this.isCurrent) return undefined;
    const [path, name] = this.pattern.match(request) ?? [];
    return path === undefined || name === undefined ? undefined : { path, name };
  }
}
