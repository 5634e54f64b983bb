import { Failure } from '../base/failure.ts';
import { algorithmsFor, fingerprintOf, type HostKeyAlgorithm, keyTypeOf } from './host-key.ts';
import type { KnownHosts } from './known-hosts.ts';
import type { SshTarget } from './ssh-target.ts';

/**
 * Decides whether the key that a host shows is the one that we know. One check belongs to one connection, which asks it again
 * at every key exchange.
 */
export class HostKeyCheck {
  readonly #target: SshTarget;
  readonly #knownHosts: KnownHosts;
  readonly #port: number | undefined;
  #hasAccepted = false;
  #failure: Failure | undefined;

  constructor(target: SshTarget, knownHosts: KnownHosts) {
    this.#target = target;
    this.#knownHosts = knownHosts;
    // As in ssh, a HostKeyAlias stands in known_hosts without a port.
    this.#port = target.hasHostKeyAlias ? undefined : target.port;
  }

  /** The host key algorithms to ask for, those that can be verified first. */
  get algorithms(): HostKeyAlgorithm[] {
    return algorithmsFor(this.#knownHosts.keyTypes(this.#target.hostKeyName, this.#port));
  }

  /** True once a key was accepted and none was refused. */
  get isAccepted(): boolean {
    return this.#hasAccepted && this.#failure === undefined;
  }

  /** Why the key was refused: `host_key_unknown` or `host_key_changed`. */
  get failure(): Failure | undefined {
    return this.#failure;
  }

  /** The verdict on a key in wire format. */
  accepts(key: Buffer): boolean {
    this.#failure ??= this.#judge(key);
    if (this.#failure !== undefined) return false;
    this.#hasAccepted = true;
    return true;
  }

  #judge(key: Buffer): Failure | undefined {
    const { hostKeyName } = this.#target;
    const verdict = this.#knownHosts.verify(hostKeyName, this.#port, key);
    const shown = `${keyTypeOf(key)} ${fingerprintOf(key)}`;
    const options = { details: { host_key: shown } };
    if (verdict === 'match') return undefined;
    if (verdict === 'unknown') {
      return new Failure('host_key_unknown', `${placeOf(this.#target)}: its host key is not in known_hosts: ${shown}`, {
        ...options,
        hint: this.#unknownHint(key),
      });
    }
    const lines = this.#knownHosts.lookup(hostKeyName, this.#port).map((line) => `${line.keyType} in ${line.place}`);
    const problem = verdict === 'revoked' ? 'its host key is revoked' : 'its host key is not the one in known_hosts';
    return new Failure('host_key_changed', `${placeOf(this.#target)}: ${problem}: ${shown}`, {
      ...options,
      hint:
        verdict === 'revoked'
          ? 'Nothing was sent. A @revoked line names this key: the host must get a new one.'
          : `Nothing was sent. Known are: ${lines.join(', ')}. Somebody may be answering in the host's place; only if the host did get a new key, remove the old one with: ssh-keygen -R '${this.#nameInFile()}'`,
    });
  }

  #unknownHint(key: Buffer): string {
    const { hostName, port, proxyJump, hasHostKeyAlias, knownHostsFiles } = this.#target;
    const type = keyTypeOf(key);
    const file = knownHostsFiles[0] ?? '~/.ssh/known_hosts';
    // ssh-keyscan knows neither aliases nor jump hosts.
    const canScan = proxyJump.length === 0 && !hasHostKeyAlias;
    const command = canScan
      ? `ssh-keyscan -t ${scanType(type)}${port === 22 ? '' : ` -p ${port}`} ${hostName} >> ${file}`
      : `echo '${this.#nameInFile()} ${type} ${key.toString('base64')}' >> ${file}`;
    const authority = this.#knownHosts.hasAuthority(this.#target.hostKeyName, this.#port)
      ? ' known_hosts has a @cert-authority line for this host, but host certificates are not supported.'
      : '';
    return `To trust the host: ${command} — but first compare ${fingerprintOf(key)} with what "ssh-keygen -lf /etc/ssh/ssh_host_${scanType(type)}_key.pub" prints on the host itself.${authority}`;
  }

  #nameInFile(): string {
    const { hostKeyName } = this.#target;
    return this.#port === undefined || this.#port === 22 ? hostKeyName : `[${hostKeyName}]:${this.#port}`;
  }
}

/** `user@host:port`, as messages name a target. */
export function placeOf(target: Pick<SshTarget, 'user' | 'hostName' | 'port'>): string {
  const host = target.hostName.includes(':') ? `[${target.hostName}]` : target.hostName;
  return `${target.user}@${host}:${target.port}`;
}

function scanType(keyType: string): string {
  if (keyType === 'ssh-rsa') return 'rsa';
  return keyType.startsWith('ecdsa-') ? 'ecdsa' : 'ed25519';
}
