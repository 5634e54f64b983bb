import { lookup } from 'node:dns/promises';
import { connect, isIP, type Socket } from 'node:net';
import { systemClock } from '../base/clock.ts';
import { Failure, systemErrorCode } from '../base/failure.ts';
import type { Attempt } from './attempt.ts';

const familyNumbers = { any: 0, inet: 4, inet6: 6 } as const;

/**
 * Connects to a host by TCP, with TCP_NODELAY, trying all its addresses one after the other; each gets an equal share of the time
 * that is left, so that a dead first address does not use up all of it.
 *
 * @param place the host as messages name it
 * @throws Failure `host_unreachable` with the cause in words, or what the attempt ended with
 */
export async function connectTcp(
  hostName: string,
  port: number,
  family: keyof typeof familyNumbers,
  place: string,
  attempt: Attempt,
): Promise<Socket> {
  attempt.phase = `the address of ${hostName}`;
  const addresses = await attempt.race(addressesOf(hostName, familyNumbers[family], place));
  attempt.phase = 'the TCP connection';
  let failure: unknown;
  for (const [index, address] of addresses.entries()) {
    try {
      return await connectOne(address, port, attempt.remainingMs / (addresses.length - index), attempt.signal);
    } catch (error) {
      if (attempt.signal.aborted) throw attempt.signal.reason;
      failure = error;
    }
  }
  throw new Failure('host_unreachable', `${place}: ${causeText(failure)}`, { cause: failure });
}

/** A network error in an operator's words. */
export function causeText(error: unknown): string {
  const code = systemErrorCode(error);
  const text = code === undefined ? undefined : causes[code];
  return text ?? (error instanceof Error ? error.message : String(error));
}

const causes: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ETIMEDOUT: 'no answer',
  EACCES: 'forbidden by this machine',
  EPERM: 'forbidden by this machine',
};

async function addressesOf(hostName: string, family: 0 | 4 | 6, place: string): Promise<string[]> {
  if (isIP(hostName) !== 0) return [hostName];
  try {
    const found = await lookup(hostName, { all: true, family });
    const addresses = [...new Set(found.map((entry) => entry.address))];
    if (addresses.length > 0) return addresses;
    throw new Error('no addresses');
  } catch (error) {
    throw new Failure('host_unreachable', `${place}: the name ${hostName} does not resolve`, {
      cause: error,
      hint: 'Check the name, /etc/hosts, the resolver, and HostName in ~/.ssh/config.',
    });
  }
}

function connectOne(address: string, port: number, timeoutMs: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const settled = new AbortController();
    const socket = connect({ host: address, port, noDelay: true });
    const settle = () => {
      settled.abort();
      signal.removeEventListener('abort', onAbort);
    };
    // It stays for good: a late error of a socket that nobody listens to would end the process.
    const fail = (error: unknown) => {
      settle();
      socket.destroy();
      reject(error);
    };
    const onAbort = () => fail(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', fail);
    socket.once('connect', () => {
      settle();
      resolve(socket.setNoDelay(true));
    });
    systemClock.sleep(timeoutMs, settled.signal).then(
      () => {
        if (!settled.signal.aborted) fail(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' }));
      },
      () => undefined,
    );
  });
}
