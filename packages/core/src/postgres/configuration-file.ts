import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { systemErrorCode } from '../base/failure.ts';

/** Deeper than anybody nests includes; a file that includes itself ends here. */
const maxIncludes = 10;

const linePattern = /^\s*([A-Za-z_][A-Za-z0-9_.$]*)\s*(?:=\s*|\s)\s*(?:'((?:[^'\\]|''|\\.)*)'|([^\s#']+))\s*(?:#.*)?$/;

/**
 * A server's setting as its files give it: postgresql.conf with what it includes, then postgresql.auto.conf; the last line counts. What
 * a running server was told otherwise is not seen. Undefined where no file has it; files that cannot be read have nothing.
 */
export function readFileSetting(dataDirectory: string, name: string): string | undefined {
  const lines = [
    ...settingLines(configurationFile(dataDirectory), 0),
    ...settingLines(join(dataDirectory, 'postgresql.auto.conf'), 0),
  ];
  return lines.findLast((line) => line.name === name)?.value;
}

interface SettingLine {
  name: string;
  value: string;
}

/** Debian and others keep it elsewhere: how the server was started last says where. */
function configurationFile(dataDirectory: string): string {
  const started = readText(join(dataDirectory, 'postmaster.opts')) ?? '';
  const [, path] = /"config_file=([^"]+)"/.exec(started) ?? [];
  return resolve(dataDirectory, path ?? 'postgresql.conf');
}

function settingLines(path: string, depth: number): SettingLine[] {
  const text = depth > maxIncludes ? undefined : readText(path);
  return (text ?? '').split('\n').flatMap((line) => {
    const setting = parseLine(line);
    if (setting === undefined) return [];
    const included = resolve(dirname(path), setting.value);
    if (setting.name === 'include' || setting.name === 'include_if_exists') return settingLines(included, depth + 1);
    if (setting.name !== 'include_dir') return [setting];
    return confFilesIn(included).flatMap((file) => settingLines(file, depth + 1));
  });
}

/** One line: a name, and a value that is bare or quoted. Source: guc-file.l of PostgreSQL 18. */
function parseLine(line: string): SettingLine | undefined {
  const [, name, quoted, bare] = linePattern.exec(line) ?? [];
  if (name === undefined) return undefined;
  const value = quoted?.replaceAll("''", "'").replaceAll(/\\(.)/g, '$1') ?? bare ?? '';
  return { name: name.toLowerCase(), value };
}

function confFilesIn(directory: string): string[] {
  try {
    const names = readdirSync(directory).filter((name) => name.endsWith('.conf') && !name.startsWith('.'));
    return names.toSorted().map((name) => join(directory, name));
  } catch {
    // As a file that cannot be read.
    return [];
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    return undefined;
  }
}
