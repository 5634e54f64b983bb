import { isLoopback, type ListenAddress } from './listen-address.ts';

/**
 * Whether a request was sent to this server by a name of its own. A page elsewhere whose name was pointed at 127.0.0.1 (DNS
 * rebinding) reaches a server on loopback from inside of a browser; its name in the Host header gives it away. Pure.
 */
export function isOwnName(hostHeader: string | undefined, { host, port }: ListenAddress): boolean {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(hostHeader ?? '') ?? [];
  const name = (bracketed ?? plain)?.toLowerCase();
  if (name === undefined || Number(digits ?? 80) !== port) return false;
  return name === host || isLoopback(name);
}
