import parser from 'yargs-parser';
import type { CommandSpec, OptionSpec } from './command-spec.ts';

/** What a command line came to. */
export interface PlainArguments {
  words: string[];
  options: Record<string, unknown>;
}

/** "_" is the parser's own name for the words: it stumbles over that as an option. No command has one with it. */
export function isOddOption(word: string): boolean {
  return /^-[^=]*_/.test(word);
}

/** How yargs parses the options of a command, for its parser alone and for all of it. */
export function parserConfiguration(spec: CommandSpec): Partial<parser.Configuration> {
  return {
    // An option has one name: yargs would take "--dataDir" for "--data-dir", or for nothing.
    'camel-case-expansion': false,
    'dot-notation': false,
    'parse-numbers': false,
    'parse-positional-numbers': false,
    // Only then are the earlier values kept for the options that may be repeated.
    'duplicate-arguments-array': Object.values(spec.options).some(({ type }) => type === 'array'),
  };
}

/**
 * Parses a command line in which nothing is wrong and nothing is asked, by the parser of yargs alone: a third of the start of a program is
 * the rest of it, which explains. Undefined for any other command line. Pure.
 */
export function parsePlainly(
  spec: CommandSpec,
  args: readonly string[],
  settings: Readonly<Record<string, string>>,
): PlainArguments | undefined {
  if (args.some(isOddOption)) return undefined;
  const names = Object.keys(spec.options);
  const ofType = (type: OptionSpec['type']) => names.filter((name) => spec.options[name]?.type === type);
  const having = (key: 'default' | 'nargs') =>
    Object.fromEntries(
      names.map((name) => [name, spec.options[name]?.[key]]).filter(([, value]) => value !== undefined),
    );
  // Its types leave out the last one, which is how yargs gives it settings.
  const rules: parser.Options & { configObjects: readonly object[] } = {
    // A list's elements are texts where it says so.
    string: [...ofType('string'), ...names.filter((name) => spec.options[name]?.string === true)],
    array: ofType('array'),
    boolean: [...ofType('boolean'), 'help', 'version'],
    alias: { help: ['h'] },
    default: having('default'),
    narg: having('nargs'),
    configuration: parserConfiguration(spec),
    configObjects: [settings],
  };
  const { argv, error } = parser.detailed([...args], rules);
  if (error !== null) return undefined;
  const { _: words, ...options } = argv;
  // "help", "version" and "h" are not among them.
  if (Object.keys(options).some((name) => !Object.hasOwn(spec.options, name))) return undefined;
  const isChosen = (name: string) => {
    const choices = spec.options[name]?.choices;
    return choices === undefined || options[name] === undefined || choices.includes(options[name] as string);
  };
  return names.every(isChosen) ? { words: words.map(String), options } : undefined;
}
