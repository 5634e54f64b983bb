import { join } from 'node:path';
import { badSshConfig, type ConfigLine } from './ssh-config.ts';

/** The values of ssh_config's `%` tokens, by their letter. */
export type Tokens = Readonly<Record<string, string>>;

/** The account and machine that connects. */
export interface LocalIdentity {
  userName: string;
  /** As in passwd, which is what OpenSSH takes for `~`; not $HOME. */
  homeDirectory: string;
  uid: number;
  hostName: string;
}

/**
 * Expands the `%` tokens of one argument.
 *
 * @throws Failure `bad_ssh_config` for a token that is not among `tokens`
 */
export function expandTokens(text: string, tokens: Tokens, line: ConfigLine): string {
  return text.replace(/%(.?)/gs, (_all, letter: string) => {
    if (letter === '%') return '%';
    const value = tokens[letter];
    if (value === undefined)
      throw badSshConfig(line.place, `the token %${letter} cannot be expanded in ${line.keyword}`);
    return value;
  });
}

/**
 * Expands `~` and the tokens of a file name.
 *
 * @throws Failure `bad_ssh_config` for another user's home, an environment variable or an unknown token
 */
export function expandPath(text: string, tokens: Tokens, local: LocalIdentity, line: ConfigLine): string {
  if (text.includes('${')) {
    throw badSshConfig(
      line.place,
      `the environment variable in ${line.keyword} ${text} is not expanded`,
      'Write the path out.',
    );
  }
  if (/^~[^/]/.test(text)) {
    throw badSshConfig(line.place, `${line.keyword} ${text}: only one's own home is expanded`, 'Write the path out.');
  }
  const path = text.startsWith('~') ? join(local.homeDirectory, text.slice(1)) : text;
  return expandTokens(path, tokens, line);
}
