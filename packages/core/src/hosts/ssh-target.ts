import { join } from 'node:path';
import { type HostSpec, parseHostSpec, parsePort } from './host-spec.ts';
import { badSshConfig, type ConfigLine } from './ssh-config.ts';
import type { SshConfig } from './ssh-config-file.ts';
import { type EffectiveConfig, resolveSshConfig } from './ssh-config-resolve.ts';
import { expandPath, expandTokens, type LocalIdentity, type Tokens } from './ssh-config-tokens.ts';

/** Everything that it takes to connect to one host: where, as whom, with which keys, trusting which files. */
export interface SshTarget {
  spec: HostSpec;
  /** What is resolved and connected to. */
  hostName: string;
  port: number;
  user: string;
  addressFamily: 'any' | 'inet' | 'inet6';
  /** Private keys to try, in order. */
  identityFiles: string[];
  /** True when they come from the configuration: then they are tried before an agent's other keys. */
  hasOwnIdentities: boolean;
  /** Of an agent's keys use only those that belong to `identityFiles`. */
  identitiesOnly: boolean;
  /** A socket; `none`: no agent; absent: the agent of the environment, if there is one. */
  identityAgent?: string;
  /** The user's files first. */
  knownHostsFiles: string[];
  /** The name under which known_hosts is asked: HostKeyAlias, or the real host name, as ssh does. */
  hostKeyName: string;
  /** With HostKeyAlias the port is not part of the name in known_hosts. */
  hasHostKeyAlias: boolean;
  /** The hosts to go through, in order, each resolved. */
  proxyJump: SshTarget[];
}

/** More hops than anybody needs: a configuration whose jump hosts need each other ends here. */
const jumpLimit = 8;

/**
 * Works out the target for a host named on the command line: what the spec says, then the configuration, then ssh's defaults. Pure.
 *
 * @throws Failure `bad_ssh_config` naming the file and line that cannot be honoured
 */
export function resolveSshTarget(spec: HostSpec, config: SshConfig, local: LocalIdentity): SshTarget {
  return resolveAtDepth(spec, config, local, 0);
}

function resolveAtDepth(spec: HostSpec, config: SshConfig, local: LocalIdentity, depth: number): SshTarget {
  const realName = (line: ConfigLine | undefined) =>
    line === undefined ? spec.host : expandTokens(line.args[0], { h: spec.host }, line);
  const effective = resolveSshConfig(config, spec, local.userName, realName);

  const hostName = realName(effective.get('hostname')).replace(/^\[(.*)\]$/, '$1');
  const user = spec.user ?? effective.get('user')?.args[0] ?? local.userName;
  const port = spec.port ?? portOf(effective.get('port')) ?? 22;
  const hostKeyAlias = effective.get('hostkeyalias')?.args[0];
  const tokens: Tokens = {
    h: hostName,
    n: spec.host,
    p: String(port),
    r: user,
    k: hostKeyAlias ?? spec.host,
    u: local.userName,
    d: local.homeDirectory,
    i: String(local.uid),
    l: local.hostName,
    L: local.hostName.split('.')[0] ?? local.hostName,
  };
  const identityAgent = agentOf(effective.get('identityagent'), tokens, local);
  return {
    spec,
    hostName,
    port,
    user,
    addressFamily: addressFamilyOf(effective.get('addressfamily')),
    identityFiles: identityFilesOf(effective.identityFiles, tokens, local),
    hasOwnIdentities: effective.identityFiles.length > 0,
    identitiesOnly: flagOf(effective.get('identitiesonly')),
    ...(identityAgent !== undefined && { identityAgent }),
    knownHostsFiles: [
      ...pathsOf(effective.get('userknownhostsfile'), tokens, local, ['.ssh/known_hosts', '.ssh/known_hosts2']),
      ...pathsOf(effective.get('globalknownhostsfile'), tokens, local, [
        '/etc/ssh/ssh_known_hosts',
        '/etc/ssh/ssh_known_hosts2',
      ]),
    ],
    hostKeyName: (hostKeyAlias ?? hostName).toLowerCase(),
    hasHostKeyAlias: hostKeyAlias !== undefined,
    proxyJump: jumpsOf(effective, tokens, config, local, depth),
  };
}

function jumpsOf(
  effective: EffectiveConfig,
  tokens: Tokens,
  config: SshConfig,
  local: LocalIdentity,
  depth: number,
): SshTarget[] {
  const line = effective.get('proxyjump');
  if (line === undefined || line.args[0].toLowerCase() === 'none') return [];
  if (depth >= jumpLimit)
    throw badSshConfig(
      line.place,
      `more than ${jumpLimit} ProxyJump hosts lead to each other`,
      'A jump host must not need itself: exclude it with "Host * !NAME".',
    );
  const specs = line.args[0].split(',').map((text) => jumpSpec(expandTokens(text.trim(), tokens, line), line));
  const targets = specs.map((spec, index) => {
    const target = resolveAtDepth(spec, config, local, depth + 1);
    // Only the first host is reached by its own jumps; the others are reached through the one before them.
    return index === 0 ? target : { ...target, proxyJump: [] };
  });
  const [first] = targets;
  if (first === undefined) return [];
  return [...first.proxyJump, { ...first, proxyJump: [] }, ...targets.slice(1)];
}

function jumpSpec(text: string, line: ConfigLine): HostSpec {
  try {
    return parseHostSpec(text.replace(/^ssh:\/\//, '').replace(/\/$/, ''));
  } catch (error) {
    throw badSshConfig(line.place, `ProxyJump: ${error instanceof Error ? error.message : text}`);
  }
}

function identityFilesOf(lines: ConfigLine[], tokens: Tokens, local: LocalIdentity): string[] {
  if (lines.length === 0)
    return ['id_ed25519', 'id_ecdsa', 'id_rsa'].map((name) => join(local.homeDirectory, '.ssh', name));
  return lines
    .filter((line) => line.args[0].toLowerCase() !== 'none')
    .map((line) => expandPath(line.args[0], tokens, local, line));
}

function agentOf(line: ConfigLine | undefined, tokens: Tokens, local: LocalIdentity): string | undefined {
  if (line === undefined || line.args[0] === 'SSH_AUTH_SOCK') return undefined;
  if (line.args[0].toLowerCase() === 'none') return 'none';
  if (line.args[0].startsWith('$')) {
    throw badSshConfig(line.place, `the environment variable in IdentityAgent ${line.args[0]} is not expanded`);
  }
  return expandPath(line.args[0], tokens, local, line);
}

function pathsOf(line: ConfigLine | undefined, tokens: Tokens, local: LocalIdentity, defaults: string[]): string[] {
  if (line === undefined)
    return defaults.map((path) => (path.startsWith('/') ? path : join(local.homeDirectory, path)));
  if (line.args[0].toLowerCase() === 'none') return [];
  return line.args.map((path) => expandPath(path, tokens, local, line));
}

function portOf(line: ConfigLine | undefined): number | undefined {
  if (line === undefined) return undefined;
  const port = parsePort(line.args[0]);
  if (port === undefined) throw badSshConfig(line.place, `Port ${line.args[0]} is not a number from 1 to 65535`);
  return port;
}

function flagOf(line: ConfigLine | undefined): boolean {
  if (line === undefined) return false;
  const value = line.args[0].toLowerCase();
  if (value === 'yes' || value === 'true') return true;
  if (value === 'no' || value === 'false') return false;
  throw badSshConfig(line.place, `${line.keyword} ${line.args[0]} is neither yes nor no`);
}

function addressFamilyOf(line: ConfigLine | undefined): SshTarget['addressFamily'] {
  const value = line?.args[0].toLowerCase() ?? 'any';
  if (value === 'any' || value === 'inet' || value === 'inet6') return value;
  throw badSshConfig(line?.place ?? '', `AddressFamily ${value} is none of any, inet and inet6`);
}
