import { isIP, isIPv6 } from 'node:net';
import { Failure } from '@archive2/core/base/failure.ts';

export interface ListenAddress {
  /** An address, or "localhost". */
  host: string;
  /** 0: any that is free. */
  port: number;
}

/** "127.0.0.1:9187", "[::1]:9187", "localhost:9187". Throws Failure `usage` for anything else. */
export function parseListenAddress(text: string): ListenAddress {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  const isAddress = host !== undefined && (bracketed === undefined ? isIP(host) === 4 : isIPv6(host));
  if (host !== undefined && (isAddress || host === 'localhost') && port <= 65_535) return { host, port };
  throw new Failure('usage', `--listen ${JSON.stringify(text)} is not an address with a port`, {
    hint: 'Give it as 127.0.0.1:9187 or [::1]:9187.',
  });
}

/** Reached from this machine only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** As it stands in a URL and in a Host header. */
export function formatAuthority({ host, port }: ListenAddress): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
