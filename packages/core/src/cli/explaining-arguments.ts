import yargs, { type Argv } from 'yargs';
import { toFailure } from '../base/failure.ts';
import type { CommandSpec } from './command-spec.ts';
import { isOddOption, type PlainArguments, parserConfiguration } from './plain-arguments.ts';

/** What a command line came to, or what to say of it. */
export type Explained = PlainArguments & {
  /** The help or the version, if that is asked for. */
  answer?: string;
  /** What is wrong, in yargs's words. */
  problem?: string;
};

/** Parses a command line by all of yargs, which has the words for what is wrong with it and for its help. */
export async function parseExplaining(
  spec: CommandSpec,
  args: readonly string[],
  settings: Readonly<Record<string, string>>,
): Promise<Explained> {
  let problem: string | undefined;
  let answer: string | undefined;
  const parser = describe(spec)
    .exitProcess(false)
    .fail((message, error) => {
      problem ??= message ?? error.message;
    });
  const refused = (what: string): Explained => ({ words: [], options: {}, problem: what });
  try {
    const parsed = await parser.config(settings).parseAsync([...args], {}, (_error, _argv, output) => {
      if (output !== '' && problem === undefined) answer = `${output}\n`;
    });
    if (problem !== undefined) return refused(problem);
    const { _: words, $0: _name, ...options } = parsed;
    return { words: words.map(String), options, ...(answer === undefined ? {} : { answer }) };
  } catch (error) {
    const odd = args.find(isOddOption);
    return refused(odd === undefined ? toFailure(error).message : `Unknown argument: ${odd}`);
  }
}

function describe(spec: CommandSpec): Argv {
  const width = Math.max(...spec.exitStatus.map(([status]) => status.length)) + 2;
  const statuses = spec.exitStatus.map(([status, meaning]) => `  ${status.padEnd(width)}${meaning}`);
  const parser = yargs([])
    .scriptName(spec.command)
    .usage(`${spec.summary}\n\n${spec.usage.map((line) => `  ${spec.command} ${line}`).join('\n')}`)
    .options(spec.options)
    .parserConfiguration(parserConfiguration(spec))
    .strictOptions()
    .version(`${spec.command} (archive2) ${spec.version}`)
    .help()
    .alias('help', 'h')
    .wrap(100)
    .epilogue(`EXIT STATUS\n${statuses.join('\n')}`);
  for (const [line, what] of spec.examples ?? []) parser.example(line, what);
  return parser;
}
