import { isIPv6 } from 'node:net';
import { Failure } from '../base/failure.ts';

/** An archive host as it was named on a command line: `[user@]host[:port]`, or an alias from ssh_config. */
export interface HostSpec {
  /** As written; the key under which cooldown and log lines know the host. */
  text: string;
  user?: string;
  /** Name, alias or address; an IPv6 address without its brackets. */
  host: string;
  port?: number;
}

const form =
  'Write [user@]host[:port] or an alias of ~/.ssh/config; an IPv6 address goes in brackets: [2001:db8::7]:22.';

/**
 * Parses `[user@]host[:port]`. The characters allowed are those of names and addresses only, so that no part of a spec can
 * be taken for an option, a path or a shell word, wherever it ends up.
 *
 * @throws Failure `usage`
 */
export function parseHostSpec(text: string): HostSpec {
  if (text === '') throw new Failure('usage', 'the archive host is empty', { hint: form });
  const refused = (reason: string) =>
    new Failure('usage', `not an archive host: ${JSON.stringify(text)} (${reason})`, { hint: form });
  if (text.length > 300) throw new Failure('usage', 'the archive host is longer than 300 characters', { hint: form });
  if (/[\s\p{Cc}]/u.test(text)) throw refused('it contains a space or a control character');
  if (text.startsWith('-')) throw refused('it starts with "-", like an option');

  // The last "@" parts them: directory services have user names like alice@example.org.
  const at = text.lastIndexOf('@');
  const user = at < 0 ? undefined : text.slice(0, at);
  if (user !== undefined && !/^[A-Za-z0-9._][A-Za-z0-9._@+\\$-]*$/.test(user))
    throw refused('the user name is not one');
  const { host, portText } = splitPort(text.slice(at + 1), refused);
  const port = portText === undefined ? undefined : parsePort(portText);
  if (portText !== undefined && port === undefined) throw refused('the port is not a number from 1 to 65535');
  return { text, host, ...(user !== undefined && { user }), ...(port !== undefined && { port }) };
}

/**
 * Parses the one or two archive hosts of a command line, separated by spaces or commas, the preferred host first.
 *
 * @throws Failure `usage` for none, for three or more, and for one host named twice
 */
export function parseHostList(text: string): HostSpec[] {
  const hosts = text
    .split(/[\s,]+/)
    .filter((word) => word !== '')
    .map(parseHostSpec);
  const [first, second] = hosts;
  if (first === undefined) throw new Failure('usage', 'no archive host is given', { hint: form });
  if (hosts.length > 2) {
    throw new Failure('usage', `${hosts.length} archive hosts are given, at most two are possible`, {
      hint: 'Name the preferred host and its peer; a third copy is the business of those hosts.',
    });
  }
  if (second !== undefined && placeOf(first) === placeOf(second)) {
    throw new Failure('usage', `the same archive host is given twice: ${first.text} and ${second.text}`, {
      hint: 'Two copies on one machine are one copy: name two machines, or only one.',
    });
  }
  return hosts;
}

/** A TCP port from its decimal digits, or undefined. */
export function parsePort(text: string): number | undefined {
  if (!/^[0-9]{1,5}$/.test(text)) return undefined;
  const port = Number(text);
  return port >= 1 && port <= 65535 ? port : undefined;
}

function placeOf(spec: HostSpec): string {
  return `[${spec.host.toLowerCase()}]:${spec.port ?? 22}`;
}

function splitPort(text: string, refused: (reason: string) => Failure): { host: string; portText?: string } {
  const bracketed = /^\[([^[\]]*)\](?::(.*))?$/.exec(text);
  if (bracketed) {
    const [, host = '', portText] = bracketed;
    if (!isIPv6(host)) throw refused('what is in the brackets is not an IPv6 address');
    return portText === undefined ? { host } : { host, portText };
  }
  const [host = '', portText, ...rest] = text.split(':');
  if (rest.length > 0) throw refused('an IPv6 address must be in brackets');
  if (!/^[A-Za-z0-9._][A-Za-z0-9._-]*$/.test(host)) throw refused('the host name is not one');
  return portText === undefined ? { host } : { host, portText };
}
