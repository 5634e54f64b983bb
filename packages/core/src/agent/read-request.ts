import type { Socket } from 'node:net';
import { withDeadline } from '../base/deadline.ts';
import { Failure } from '../base/failure.ts';
import type { AgentRequest } from './client.ts';

/** Paths, flags and a few environment variables; a longer line is not ours. */
const maxRequestBytes = 256 * 1024;
const requestTimeoutMs = 5000;

/** Reads the one line that a client sends. Throws Failure `protocol` for anything else. */
export async function readRequest(socket: Socket): Promise<AgentRequest> {
  const line = await withDeadline(readLine(socket), requestTimeoutMs, () => {
    return new Failure('protocol', 'a client connected and asked nothing');
  });
  return parseRequest(line);
}

function readLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = '';
    socket.on('data', (bytes: Buffer) => {
      received += bytes.toString('utf8');
      const end = received.indexOf('\n');
      if (end >= 0) resolve(received.slice(0, end));
      else if (received.length > maxRequestBytes) reject(new Failure('protocol', 'a request without an end'));
    });
    socket.on('close', () => reject(new Failure('protocol', 'a client left before it asked')));
  });
}

function parseRequest(line: string): AgentRequest {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new Failure('protocol', 'a request that is not JSON', { cause: error });
  }
  if (!isRequest(value)) throw new Failure('protocol', 'a request with other fields than ours');
  return value;
}

function isRequest(value: unknown): value is AgentRequest {
  if (typeof value !== 'object' || value === null) return false;
  const { program, kind, args, workingDirectory, environment } = value as Record<string, unknown>;
  return (
    typeof program === 'string' &&
    (kind === 'call' || kind === 'status' || kind === 'stop') &&
    Array.isArray(args) &&
    args.every((word) => typeof word === 'string') &&
    typeof workingDirectory === 'string' &&
    typeof environment === 'object' &&
    environment !== null &&
    Object.values(environment).every((text) => typeof text === 'string')
  );
}
