import { type ParsedArguments, parseArguments } from './arguments.ts';
import type { CommandSpec } from './command-spec.ts';
import { readSettingsFile, settingsFileStamp, settingsOfEnvironment } from './settings-file.ts';

const settingsFileOf = (spec: CommandSpec) => `/etc/default/${spec.command}`;

/** Parses a command line with the settings that apply to it, from the environment and `/etc/default/<command>`. Throws Failure `usage`. */
export async function parseCall(
  spec: CommandSpec,
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<ParsedArguments> {
  return await parseArguments(spec, args, {
    environment: settingsOfEnvironment(environment),
    file: readSettingsFile(settingsFileOf(spec)),
  });
}

/** What a parsed call depends on besides its words and environment: changes whenever the settings file does. */
export function settingsStamp(spec: CommandSpec): string {
  return settingsFileStamp(settingsFileOf(spec));
}
