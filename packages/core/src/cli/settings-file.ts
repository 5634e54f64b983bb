import { readFileSync, statSync } from 'node:fs';
import { Failure, systemErrorCode } from '../base/failure.ts';

const linePattern = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$/;

/**
 * The settings of `/etc/default/<command>`: KEY=value lines, `#` comments, values bare or in quotes. Parsed, never run.
 *
 * Keys are the options' names with `_` for `-`, in either case, so the old scripts' files work. Throws Failure `usage`
 * naming the line for anything else. A file that is not there has no settings.
 */
export function readSettingsFile(path: string): Record<string, string> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return {};
    throw new Failure('usage', `${path} cannot be read`, { cause: error });
  }
  return parseSettings(text, path);
}

export function parseSettings(text: string, path: string): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const [index, line] of text.split('\n').entries()) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const match = linePattern.exec(trimmed);
    const value = match?.[2] === undefined ? undefined : unquote(match[2]);
    if (match?.[1] === undefined || value === undefined) {
      throw new Failure('usage', `${path} line ${index + 1} is not KEY=value`, {
        hint: 'The file is read, not run: no commands, no $variables.',
      });
    }
    settings[optionName(match[1])] = value;
  }
  return settings;
}

/** Changes whenever the file does: whoever keeps what it read compares this before using it. */
export function settingsFileStamp(path: string): string {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? 'none' : `${stats.ino}-${stats.size}-${stats.mtimeNs}-${stats.ctimeNs}`;
}

/** The settings among environment variables: ARCHIVE2_RETRY_COUNT is `--retry-count`. */
export function settingsOfEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (name.startsWith('ARCHIVE2_') && value !== undefined)
      settings[optionName(name.slice('ARCHIVE2_'.length))] = value;
  }
  return settings;
}

function optionName(key: string): string {
  return key.toLowerCase().replaceAll('_', '-');
}

/** The value as a shell would have it; undefined for what only a shell could tell. */
function unquote(value: string): string | undefined {
  const quoted = /^(?:'([^']*)'|"([^"$`\\]*)")\s*(?:#.*)?$/.exec(value);
  if (quoted !== null) return quoted[1] ?? quoted[2];
  const bare = value.replace(/\s+#.*$/, '').trim();
  return /['"`$\\;&|<>]/.test(bare) ? undefined : bare;
}
