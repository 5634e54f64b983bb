import { basename, dirname, isAbsolute, join } from 'node:path';
import { Failure, systemErrorCode } from '../base/failure.ts';
import { matchesPattern } from './host-pattern.ts';
import { badSshConfig, type ConfigLine, parseSshConfig } from './ssh-config.ts';

/** The file access that reading a configuration needs; `node:fs/promises` has it. */
export interface ConfigFs {
  readFile(path: string, encoding: 'utf8'): Promise<string>;
  readdir(path: string): Promise<string[]>;
}

/** The configuration files in the order in which ssh obtains values: the user's, then the system's. */
export type SshConfig = ConfigLine[][];

/** As deep as OpenSSH goes (readconf.c READCONF_MAX_DEPTH). */
const depthLimit = 16;
/** An Include that brings in itself many times over ends here, before it fills the memory. */
const fileLimit = 500;

interface Reading {
  fs: ConfigFs;
  homeDirectory: string;
  /** Relative Include paths start here. */
  baseDirectory: string;
  filesRead: number;
}

/**
 * Reads `~/.ssh/config` and `/etc/ssh/ssh_config` with everything that they include. A missing file is an empty one, and so is an
 * included one that may not be read.
 *
 * @param homeDirectory of the operating system user, as in passwd: ssh does not look at $HOME either
 * @throws Failure `bad_ssh_config` for a main file that exists and cannot be read, a malformed line, or Includes without end
 */
export async function readSshConfig(
  fs: ConfigFs,
  homeDirectory: string,
  systemDirectory = '/etc/ssh',
): Promise<SshConfig> {
  const files: [string, string][] = [
    [join(homeDirectory, '.ssh'), 'config'],
    [systemDirectory, 'ssh_config'],
  ];
  const config: SshConfig = [];
  for (const [baseDirectory, name] of files) {
    const reading = { fs, homeDirectory, baseDirectory, filesRead: 0 };
    const lines = await readOne(reading, join(baseDirectory, name), 0, (path, error) => {
      throw new Failure('bad_ssh_config', `${path} cannot be read (${systemErrorCode(error) ?? error})`, {
        cause: error,
      });
    });
    if (lines !== undefined) config.push(lines);
  }
  return config;
}

async function readOne(
  reading: Reading,
  path: string,
  depth: number,
  onUnreadable: (path: string, error: unknown) => void,
): Promise<ConfigLine[] | undefined> {
  if (++reading.filesRead > fileLimit) throw badSshConfig(path, `more than ${fileLimit} files are included`);
  let text: string;
  try {
    text = await reading.fs.readFile(path, 'utf8');
  } catch (error) {
    const code = systemErrorCode(error);
    if (code !== 'ENOENT' && code !== 'ENOTDIR') onUnreadable(path, error);
    return undefined;
  }
  const lines = parseSshConfig(text, path);
  for (const line of lines) {
    if (line.keyword === 'include') line.included = await readIncluded(reading, line, depth + 1);
  }
  return lines;
}

async function readIncluded(reading: Reading, line: ConfigLine, depth: number): Promise<ConfigLine[][]> {
  if (depth > depthLimit) throw badSshConfig(line.place, `Include is nested more than ${depthLimit} levels deep`);
  const included: ConfigLine[][] = [];
  for (const argument of line.args) {
    if (/[[\]{}]|\$\{/.test(argument)) {
      throw badSshConfig(
        line.place,
        `Include ${argument} has a pattern other than * and ?`,
        'Name the files, or use * and ?.',
      );
    }
    for (const path of await expand(reading, includePath(reading, line, argument))) {
      // As in ssh, an included file that this user may not read is passed over: it is written for others.
      const lines = await readOne(reading, path, depth, () => undefined);
      if (lines !== undefined) included.push(lines);
    }
  }
  return included;
}

function includePath(reading: Reading, line: ConfigLine, argument: string): string {
  if (isAbsolute(argument)) return argument;
  if (argument === '~' || argument.startsWith('~/')) return join(reading.homeDirectory, argument.slice(1));
  if (argument.startsWith('~')) throw badSshConfig(line.place, `Include ${argument}: only one's own home is expanded`);
  return join(reading.baseDirectory, argument);
}

/** The existing paths of a glob in name order; a path without wildcards is itself. */
async function expand(reading: Reading, path: string): Promise<string[]> {
  if (!/[*?]/.test(path)) return [path];
  const found: string[] = [];
  for (const directory of await expand(reading, dirname(path))) {
    const pattern = basename(path);
    for (const name of await namesIn(reading, directory)) {
      // As in glob(3), a wildcard does not match a leading dot: editors' swap files are not configuration.
      const isHidden = name.startsWith('.') && !pattern.startsWith('.');
      if (!isHidden && matchesPattern(pattern, name)) found.push(join(directory, name));
    }
  }
  return found;
}

async function namesIn(reading: Reading, directory: string): Promise<string[]> {
  try {
    return (await reading.fs.readdir(directory)).sort();
  } catch {
    // glob(3) without GLOB_ERR: what cannot be listed has no matches.
    return [];
  }
}
