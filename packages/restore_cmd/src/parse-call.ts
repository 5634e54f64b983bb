import { type ParsedArguments, parseArguments } from '@archive2/core/cli/arguments.ts';
import { readSettingsFile, settingsFileStamp, settingsOfEnvironment } from '@archive2/core/cli/settings-file.ts';
import { commandSpec } from './options.ts';

const settingsFile = `/etc/default/${commandSpec.command}`;

/** What a parsed call depends on besides its words and environment. */
export function settingsStamp(): string {
  return settingsFileStamp(settingsFile);
}

/** Parses a command line of restore_cmd with the settings that apply to it. Throws Failure `usage`. */
export async function parseCall(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<ParsedArguments> {
  return await parseArguments(commandSpec, args, {
    environment: settingsOfEnvironment(environment),
    file: readSettingsFile(settingsFile),
  });
}
