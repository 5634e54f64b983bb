/** One option. Of what yargs knows, only this: its parser is told of each by itself (plain-arguments.ts). */
export interface OptionSpec {
  type: 'string' | 'boolean' | 'array';
  describe: string;
  default?: string | boolean | readonly string[];
  choices?: readonly string[];
  /** Of a list: how many words each mention takes, */
  nargs?: number;
  /** and that they are texts. */
  string?: boolean;
}

/** One command line form of a command, for yargs and for its help. */
export interface CommandSpec {
  /** The name it is called by. */
  command: string;
  /** Usage lines, without the command's name. */
  usage: readonly string[];
  summary: string;
  options: Record<string, OptionSpec>;
  /** The options that may also come from the environment and the settings file; default: all. */
  settable?: readonly string[];
  /** What each exit status means, for the help's EXIT STATUS section. */
  exitStatus: ReadonlyArray<readonly [status: string, meaning: string]>;
  examples?: ReadonlyArray<readonly [line: string, what: string]>;
  version: string;
}
