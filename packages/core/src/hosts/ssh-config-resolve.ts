import type { HostSpec } from './host-spec.ts';
import { badSshConfig, type ConfigLine } from './ssh-config.ts';
import { honoured, ignored, refusedUnless } from './ssh-config-directives.ts';
import type { SshConfig } from './ssh-config-file.ts';
import { hostLineApplies, isExcused, type MatchFacts, matchLineApplies } from './ssh-config-match.ts';

/** The directives that apply to one host: for each keyword the line that counts, and every IdentityFile. */
export interface EffectiveConfig {
  get(keyword: string): ConfigLine | undefined;
  identityFiles: ConfigLine[];
}

interface Pass {
  lines: Map<string, ConfigLine>;
  identityFiles: ConfigLine[];
  facts(): MatchFacts;
  wantsFinalPass: boolean;
}

/**
 * Picks the directives that apply to a host, as ssh does: the first value obtained for a keyword counts, IdentityFile adds up,
 * and a `Match final` starts a second pass under the real host name. Pure.
 *
 * @param realName gives the host name for the HostName directive obtained so far (which may hold `%h`)
 * @throws Failure `bad_ssh_config` naming the line, for a directive that applies to this host, changes the destination or the
 * trust, and cannot be honoured
 */
export function resolveSshConfig(
  config: SshConfig,
  spec: HostSpec,
  localUser: string,
  realName: (hostName: ConfigLine | undefined) => string,
): EffectiveConfig {
  const lines = new Map<string, ConfigLine>();
  const pass: Pass = { lines, identityFiles: [], wantsFinalPass: false, facts: () => factsOf(false) };
  const factsOf = (isFinalPass: boolean): MatchFacts => {
    const hostName = realName(lines.get('hostname'));
    return {
      host: isFinalPass ? hostName.toLowerCase() : spec.host,
      originalHost: spec.host,
      hostName,
      user: spec.user ?? lines.get('user')?.args[0] ?? localUser,
      localUser,
      isFinalPass,
    };
  };
  for (const file of config) apply(file, pass, true);
  if (pass.wantsFinalPass) {
    // As in ssh, the name is settled before the final pass: a HostName that only it reaches comes too late.
    if (!lines.has('hostname')) lines.set('hostname', { keyword: 'hostname', args: ['%h'], place: '' });
    pass.facts = () => factsOf(true);
    for (const file of config) apply(file, pass, true);
  }
  for (const [keyword, line] of lines) refuseUnlessHarmless(keyword, line);
  return { get: (keyword) => lines.get(keyword), identityFiles: pass.identityFiles };
}

/** Goes through one file; an included one can only narrow the block in which its Include stands. */
function apply(file: ConfigLine[], pass: Pass, isEnclosed: boolean): void {
  let isActive = isEnclosed;
  for (const line of file) {
    if (line.keyword === 'host') {
      isActive = isEnclosed && hostLineApplies(line, pass.facts());
    } else if (line.keyword === 'match') {
      isActive = isEnclosed && matchLineApplies(line, pass.facts(), () => (pass.wantsFinalPass = true));
    } else if (!isActive) {
      continue;
    } else if (line.keyword === 'include') {
      for (const included of line.included ?? []) apply(included, pass, true);
    } else {
      take(line, pass);
    }
  }
}

function take(line: ConfigLine, pass: Pass): void {
  const { keyword } = line;
  if (keyword === 'identityfile') {
    if (!pass.identityFiles.includes(line)) pass.identityFiles.push(line);
    return;
  }
  if (ignored.has(keyword)) return;
  if (!honoured.has(keyword) && !refusedUnless.has(keyword)) {
    if (isExcused(keyword, pass.lines.get('ignoreunknown')?.args[0])) return;
    throw badSshConfig(
      line.place,
      `the directive ${keyword} is not known`,
      'It may change where the connection goes: remove it, keep it out of the blocks that apply to the archive hosts, or name it in IgnoreUnknown.',
    );
  }
  // ssh lets whichever of the two comes first win over the other.
  const rival = keyword === 'proxyjump' ? 'proxycommand' : keyword === 'proxycommand' ? 'proxyjump' : keyword;
  if (!pass.lines.has(keyword) && !pass.lines.has(rival)) pass.lines.set(keyword, line);
}

function refuseUnlessHarmless(keyword: string, line: ConfigLine): void {
  const harmless = refusedUnless.get(keyword);
  if (harmless === undefined || harmless.includes(line.args[0].toLowerCase())) return;
  throw badSshConfig(
    line.place,
    `the directive ${keyword} ${line.args.join(' ')} cannot be honoured`,
    keyword === 'proxycommand'
      ? 'Use ProxyJump, or put "ProxyCommand none" into a Host block for the archive host above this line.'
      : 'It changes where the connection goes or whom it trusts: keep it out of the blocks that apply to the archive hosts, or give them another value above this line.',
  );
}
