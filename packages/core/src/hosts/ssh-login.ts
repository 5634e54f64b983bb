import { Failure } from '../base/failure.ts';
import { placeOf } from './host-key-check.ts';
import type { SshIdentities } from './ssh-identities.ts';
import type { SshTarget } from './ssh-target.ts';

/** One way to try to log in. */
export type LoginStep =
  | { kind: 'file'; file: string; privateKey: Buffer }
  | { kind: 'agent'; socket: string; wants: (publicKey: Buffer) => boolean };

/** The login at one host: which keys to offer in which order, and what became of them. */
export class Login {
  readonly user: string;
  /** `user@host:port` */
  readonly place: string;
  readonly #steps: LoginStep[];
  readonly #offered: string[] = [];
  readonly #skipped: SshIdentities['skipped'];

  constructor(target: SshTarget, identities: SshIdentities, agentSocket: string | undefined) {
    this.user = target.user;
    this.place = placeOf(target);
    this.#steps = planLogin(target, identities, agentSocket);
    this.#skipped = [...identities.skipped];
  }

  /** The next step, or undefined when none is left or the host takes no keys. `methodsLeft` is null before the host has said. */
  next(methodsLeft: readonly string[] | null): LoginStep | undefined {
    if (methodsLeft !== null && !methodsLeft.includes('publickey')) return undefined;
    const step = this.#steps.shift();
    if (step?.kind === 'agent') this.offer(`the keys of the agent at ${step.socket}`);
    return step;
  }

  offer(description: string): void {
    this.#offered.push(description);
  }

  skip(file: string, reason: string): void {
    this.#skipped.push({ file, reason });
  }

  /** The failure for an error before the login was complete, if it is about the login. */
  failureOf(error: Error & { level?: string; code?: unknown }): Failure | undefined {
    // A number is the reason of the host's DISCONNECT: 14 when no method is left (RFC 4253 section 11.1).
    const isDisconnect = /too many authentication failures/i.test(error.message) || error.code === 14;
    if (error.level !== 'client-authentication' && !isDisconnect) return undefined;
    const offered = this.#offered.length === 0 ? 'no key to offer' : `offered ${this.#offered.join(', ')}`;
    const skipped = this.#skipped.map(({ file, reason }) => `${file}: ${reason}`);
    return new Failure('login_refused', `${this.place}: the host refused the login of ${this.user}: ${offered}`, {
      cause: error,
      hint: [
        `Add the public key to ~/.ssh/authorized_keys of ${this.user} on the host, or name the right one with IdentityFile.`,
        ...(skipped.length > 0 ? [`Not used: ${skipped.join('; ')}.`] : []),
      ].join(' '),
    });
  }
}

/**
 * The steps in ssh's order: the agent's keys that the configuration names, the configured files, then whatever else the agent has. A
 * host closes the connection after a few wrong keys, so the likely ones come first.
 */
function planLogin(target: SshTarget, identities: SshIdentities, agentSocket: string | undefined): LoginStep[] {
  const socket = target.identityAgent ?? agentSocket;
  const isOwn = (key: Buffer) => identities.publicKeys.some((own) => own.equals(key));
  const agent = (wants: (key: Buffer) => boolean): LoginStep[] =>
    socket === undefined || socket === 'none' || socket === '' ? [] : [{ kind: 'agent', socket, wants }];
  const files = identities.usable.map((identity): LoginStep => ({ kind: 'file', ...identity }));
  if (target.identitiesOnly) return [...agent(isOwn), ...files];
  if (target.hasOwnIdentities) return [...agent(isOwn), ...files, ...agent((key) => !isOwn(key))];
  return [...agent(() => true), ...files];
}
