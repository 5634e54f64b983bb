import { matchesPattern, matchesPatternList } from './host-pattern.ts';
import { badSshConfig, type ConfigLine } from './ssh-config.ts';

/** What the conditions of a block are compared with, at the moment when the block is reached. */
export interface MatchFacts {
  /** The name that `Host` patterns see: as written, or in the final pass the real one. */
  host: string;
  /** The name as written. */
  originalHost: string;
  /** After the HostName obtained so far. */
  hostName: string;
  /** The remote user obtained so far. */
  user: string;
  localUser: string;
  isFinalPass: boolean;
}

/** True when a `Host` line applies: a pattern matches and none with `!` does. */
export function hostLineApplies(line: ConfigLine, facts: MatchFacts): boolean {
  return matchesPatternList(line.args, facts.host);
}

/**
 * True when a `Match` line applies. `wantsFinalPass` is called when it names `final`.
 *
 * The criteria that need more than names (`exec`, `localnetwork`, `tagged` …) are an error, but only when all others of the
 * line are met: otherwise the block does not apply whatever they say.
 *
 * @throws Failure `bad_ssh_config`
 */
export function matchLineApplies(line: ConfigLine, facts: MatchFacts, wantsFinalPass: () => void): boolean {
  let applies = true;
  let undecidable: string | undefined;
  const words = [...line.args];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const isNegated = word.startsWith('!');
    const [name = '', attached] = (isNegated ? word.slice(1) : word).split(/=(.*)/s, 2);
    const criterion = name.toLowerCase();
    if (criterion === 'final') wantsFinalPass();
    let met: boolean | undefined;
    if (criterion === 'all') {
      if (isNegated) throw badSshConfig(line.place, 'Match !all never applies');
      met = true;
    } else if (criterion === 'final' || criterion === 'canonical') {
      met = facts.isFinalPass;
    } else {
      const argument = attached ?? words.shift();
      if (argument === undefined) throw badSshConfig(line.place, `Match ${criterion} has no argument`);
      met = isMet(criterion, argument, facts);
    }
    if (met === undefined) undecidable = criterion;
    else if (met === isNegated) applies = false;
  }
  if (applies && undecidable !== undefined) {
    throw badSshConfig(
      line.place,
      `"Match ${undecidable}" cannot be honoured`,
      'Put what the archive hosts need into a Host block above it, and exclude them from the Match with "!host NAME".',
    );
  }
  return applies;
}

/** Undefined for a criterion that names alone cannot decide. */
function isMet(criterion: string, argument: string, facts: MatchFacts): boolean | undefined {
  const names: Record<string, string> = {
    host: facts.hostName.toLowerCase(),
    originalhost: facts.originalHost.toLowerCase(),
    user: facts.user,
    localuser: facts.localUser,
  };
  const name = names[criterion];
  if (name === undefined) return undefined;
  const isHost = criterion === 'host' || criterion === 'originalhost';
  return matchesPatternList((isHost ? argument.toLowerCase() : argument).split(','), name);
}

/** True when `IgnoreUnknown`'s pattern list excuses the keyword. */
export function isExcused(keyword: string, ignoreUnknown: string | undefined): boolean {
  return (ignoreUnknown ?? '')
    .toLowerCase()
    .split(',')
    .some((pattern) => pattern !== '' && matchesPattern(pattern, keyword));
}
