import { Failure } from '../base/failure.ts';

/** One line of ssh_config, taken apart; `Include` lines carry the files that they brought in. */
export interface ConfigLine {
  /** Lower case. */
  keyword: string;
  /** Never empty, and without the quotes. */
  args: [string, ...string[]];
  /** `<file>:<line>`, for messages. */
  place: string;
  included?: ConfigLine[][];
}

/**
 * Parses the text of an ssh_config as OpenSSH 9.2 does (readconf.c, misc.c argv_split): `Keyword arguments`, `Keyword=argument`,
 * quotes, escapes, comments. Pure; `Include` lines are left for the reader of files to fill in.
 *
 * @param file its name, for messages
 * @throws Failure `bad_ssh_config` naming the line that cannot be read
 */
export function parseSshConfig(text: string, file: string): ConfigLine[] {
  const lines: ConfigLine[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.replace(/[ \t\r\f]+$/, '').replace(/^[ \t\r]+/, '');
    if (line === '' || line.startsWith('#')) continue;
    lines.push(parseLine(line, `${file}:${index + 1}`));
  }
  return lines;
}

/** The failure for a line of ssh_config that we cannot or must not follow. */
export function badSshConfig(place: string, problem: string, hint?: string): Failure {
  return new Failure('bad_ssh_config', `${place}: ${problem}`, hint === undefined ? {} : { hint });
}

function parseLine(line: string, place: string): ConfigLine {
  const [whole, quoted, plain] = /^(?:"([^"]*)"|([^\s="]+))[ \t]*(?:=[ \t]*)?/.exec(line) ?? [];
  const keyword = quoted ?? plain;
  if (whole === undefined || keyword === undefined) throw badSshConfig(place, 'the line cannot be read');
  const [first, ...rest] = splitArguments(line.slice(whole.length), place);
  if (first === undefined) throw badSshConfig(place, `${keyword} has no argument`);
  return { keyword: keyword.toLowerCase(), args: [first, ...rest], place };
}

function splitArguments(text: string, place: string): string[] {
  const words: string[] = [];
  let at = 0;
  while (at < text.length) {
    if (text[at] === ' ' || text[at] === '\t') {
      at++;
      continue;
    }
    if (text[at] === '#') break;
    let word = '';
    let quote = '';
    for (; at < text.length; at++) {
      const char = text.charAt(at);
      const next = text.charAt(at + 1);
      if (char === '\\' && (next === "'" || next === '"' || next === '\\' || (quote === '' && next === ' '))) {
        word += next;
        at++;
      } else if (quote === '' && (char === ' ' || char === '\t')) break;
      else if (quote === '' && (char === '"' || char === "'")) quote = char;
      else if (quote !== '' && char === quote) quote = '';
      else word += char;
    }
    if (quote !== '') throw badSshConfig(place, 'a quote is not closed');
    words.push(word);
  }
  return words;
}
