import fs from 'node:fs/promises';
import { ArchiveSession, type SessionOptions } from './archive-session.ts';
import type { HostSpec } from './host-spec.ts';
import { readLocalIdentity } from './local-identity.ts';
import { type RemoteServe, serveCommandLine } from './remote-command.ts';
import { readSshConfig } from './ssh-config-file.ts';
import { resolveSshTarget } from './ssh-target.ts';

export interface OpenerOptions {
  /** From the start to the end of the login. */
  connectTimeoutMs: number;
  stallTimeoutMs: number;
  /** SSH_AUTH_SOCK, if there is one. */
  agentSocket?: string;
  serve: RemoteServe;
  session: Omit<SessionOptions, 'helloTimeoutMs' | 'stallTimeoutMs'>;
}

/**
 * Connects to an archive host and opens a session there. Reads the SSH configuration anew each time, so that a change counts
 * with the next connection. Throws the Failure that says why not; nothing is left open then.
 */
export async function openArchiveSession(spec: HostSpec, options: OpenerOptions): Promise<ArchiveSession> {
  const { connectTimeoutMs, stallTimeoutMs } = options;
  const { log } = options.session;
  const local = await readLocalIdentity();
  const target = resolveSshTarget(spec, await readSshConfig(fs, local.homeDirectory), local);
  // Not before: a command that needs no other host starts a fifth faster without SSH.
  const { connectSsh } = await import('./ssh-client.ts');
  const connection = await connectSsh(target, {
    connectTimeoutMs,
    keepaliveIntervalMs: Math.max(500, Math.floor(stallTimeoutMs / 2)),
    stallTimeoutMs,
    ...(options.agentSocket === undefined ? {} : { agentSocket: options.agentSocket }),
    log,
  });
  try {
    const channel = await connection.exec(serveCommandLine(options.serve));
    return await ArchiveSession.open(
      {
        stream: channel,
        stderr: channel.stderr,
        host: spec.text,
        close: () => connection.close(),
        transferredAtMs: () => connection.transferredAtMs,
      },
      { ...options.session, helloTimeoutMs: connectTimeoutMs, stallTimeoutMs },
    );
  } catch (error) {
    connection.close();
    throw error;
  }
}
