import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Failure } from '@archive2/core/base/failure.ts';

/** The account that the restored server will run as. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
  readonly home: string;
}

/**
 * Root becomes the account that owns the restored server, for good: so nothing of a backup is ever written as root, and restore_cmd is
 * tried with the keys that it will have. Anybody else is that account. Throws Failure `restore_refused` when root names none.
 */
export async function becomeOwner(owner: string | undefined): Promise<Account> {
  const ours = process.getuid?.() ?? -1;
  if (ours !== 0) {
    const account = await findAccount(String(ours));
    if (owner !== undefined && owner !== account.name) {
      throw new Failure('restore_refused', `only root can restore for ${owner}, and this is ${account.name}`, {
        hint: `Run it as ${owner}, for instance with runuser -u ${owner} --.`,
      });
    }
    return account;
  }
  if (owner === undefined) {
    throw new Failure(
      'restore_refused',
      'PostgreSQL does not run as root, and it is not said whose the files will be',
      {
        hint: 'Run this as the account of the server, or say --owner postgres.',
      },
    );
  }
  const account = await findAccount(owner);
  if (account.uid === 0) {
    throw new Failure('restore_refused', 'PostgreSQL does not run as root', { hint: 'Name another --owner.' });
  }
  process.setgroups?.(await groupsOf(account));
  process.setgid?.(account.gid);
  process.setuid?.(account.uid);
  return account;
}

/** The environment that programs of the account get. Pure. */
export function environmentOf(
  { name, home }: Account,
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  return { ...environment, HOME: home, USER: name, LOGNAME: name };
}

/** Such as ssl-cert, without which a server may not read its key. */
async function groupsOf({ name, gid }: Account): Promise<number[]> {
  const options = { timeout: 10_000, env: { PATH: '/usr/bin:/bin' } };
  const { stdout } = await promisify(execFile)('id', ['-G', name], options);
  return [...new Set([gid, ...stdout.trim().split(/\s+/).map(Number)])];
}

/** By name or number, wherever accounts are kept. */
async function findAccount(key: string): Promise<Account> {
  const options = { timeout: 10_000, env: { PATH: '/usr/bin:/bin' } };
  const found = await promisify(execFile)('getent', ['passwd', key], options).catch(() => undefined);
  const [name, , uid, gid, , home] = found?.stdout.trim().split(':') ?? [];
  if (name === undefined || home === undefined) {
    throw new Failure('restore_refused', `there is no account ${key}`, { hint: 'See getent passwd.' });
  }
  return { name, uid: Number(uid), gid: Number(gid), home };
}
