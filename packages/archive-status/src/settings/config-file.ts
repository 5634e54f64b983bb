import { Failure } from '@archive2/core/base/failure.ts';

/** One cluster's section, with what stands before the first section filled in; keys as options are called. */
export interface ConfigSection {
  readonly name: string;
  readonly settings: Readonly<Record<string, string>>;
  /** For messages: the file and line of a setting. */
  readonly where: (key: string) => string;
}

const sectionPattern = /^\[([^\]]+)\]$/;
const settingPattern = /^([A-Za-z][A-Za-z0-9_-]*)\s*=\s*(.*)$/;

/**
 * Reads a configuration file: `[cluster]` sections of `key = value` lines, `#` comment lines; what stands before the first section
 * holds for all that don't say otherwise. A value is the rest of its line. Throws Failure `usage` with file and line for
 * anything else, an unknown key, a key or a section twice, and a file without sections. Pure.
 */
export function parseConfigFile(text: string, path: string, keys: readonly string[]): ConfigSection[] {
  const general = new Map<string, Line>();
  const sections = new Map<string, Map<string, Line>>();
  let current = general;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const refuse = (problem: string, hint?: string) =>
      new Failure('usage', `${path} line ${index + 1}: ${problem}`, hint === undefined ? {} : { hint });
    const section = sectionPattern.exec(line)?.[1]?.trim();
    if (section !== undefined) {
      if (sections.has(section)) throw refuse(`the cluster ${JSON.stringify(section)} has a section already`);
      current = new Map();
      sections.set(section, current);
      continue;
    }
    const [, word = '', value = ''] = settingPattern.exec(line) ?? [];
    if (word === '') throw refuse('neither [cluster] nor key = value', 'Comments begin with # on lines of their own.');
    const key = word.toLowerCase().replaceAll('_', '-');
    if (!keys.includes(key)) {
      throw refuse(`${JSON.stringify(word)} is not known`, `The keys are ${keys.map(spelled).join(', ')}.`);
    }
    if (current.has(key)) throw refuse(`${word} is given twice`);
    if (value === '') throw refuse(`${word} has no value`);
    current.set(key, { value, number: index + 1 });
  }
  if (sections.size === 0) {
    throw new Failure('usage', `${path} names no cluster`, { hint: 'Write a section [name] for each cluster.' });
  }
  return [...sections].map(([name, own]) => sectionOf(name, new Map([...general, ...own]), path));
}

interface Line {
  value: string;
  number: number;
}

function sectionOf(name: string, lines: ReadonlyMap<string, Line>, path: string): ConfigSection {
  return {
    name,
    settings: Object.fromEntries([...lines].map(([key, { value }]) => [key, value])),
    where: (key) => {
      const line = lines.get(key);
      return line === undefined ? `${path} [${name}]` : `${path} line ${line.number}: ${spelled(key)}`;
    },
  };
}

function spelled(key: string): string {
  return key.replaceAll('-', '_');
}
