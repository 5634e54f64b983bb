import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import { Failure } from '../base/failure.ts';
import { findPasswdEntry } from '../base/passwd.ts';
import type { LocalIdentity } from './ssh-config-tokens.ts';

/** LDAP behind getent may be slow, or gone. */
const getentTimeoutMs = 3000;

/**
 * The account that this process runs as, as passwd knows it, and this machine's name.
 *
 * Bun's `os.userInfo()` does not ask passwd but USER and HOME (checked on 1.4.5: without USER the name is "unknown"). Cron,
 * systemd and PostgreSQL leave these out or inherit another's, and OpenSSH goes by passwd; so we read it.
 *
 * @throws Failure `bad_ssh_config` when no account has the process's user id
 */
export async function readLocalIdentity(): Promise<LocalIdentity> {
  const { uid } = userInfo();
  const entry =
    findPasswdEntry(await readFile('/etc/passwd', 'utf8'), uid) ?? findPasswdEntry(await askGetent(uid), uid);
  if (entry === undefined) {
    throw new Failure('bad_ssh_config', `no account has the user id ${uid} of this process`, {
      hint: 'ssh keys and known_hosts belong to an account: run this as a user that getent passwd knows.',
    });
  }
  return { ...entry, uid, hostName: hostname() };
}

/** The entry of an account that is kept elsewhere (LDAP, sssd); empty when there is none. */
function askGetent(uid: number): Promise<string> {
  return new Promise((resolve) => {
    const options = { timeout: getentTimeoutMs, env: { PATH: '/usr/bin:/bin' } };
    execFile('getent', ['passwd', String(uid)], options, (error, stdout) => resolve(error ? '' : stdout));
  });
}
