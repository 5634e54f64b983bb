import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY_INSIDE, REPOSITORY_ROOT } from './repository.ts';
import { UNPRIVILEGED_USER, type User } from './user.ts';

/** What programs look up in /etc; the rest of this computer's configuration stays out of the machines. */
const CONFIGURATION = `
  passwd group nsswitch.conf host.conf gai.conf services protocols shells login.defs os-release debian_version
  ld.so.cache ld.so.conf ld.so.conf.d alternatives localtime timezone locale.alias profile bash.bashrc
  ssl/openssl.cnf ssh/moduli postgresql-common
`
  .trim()
  .split(/\s+/);

const DIRECTORIES = ['dev', 'proc', 'sys', 'usr', '.outside', 'etc/default', 'etc/ssh', 'mnt', 'root', 'opt', 'run'];
const OWNED_BY_THE_USER = ['archive', 'var/lib/archive2/postgres', 'var/lib/postgresql', 'var/log/postgresql'];
const MAYBE_LINKS = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'];

/** Makes the directory tree that becomes a machine's root: its disk, which survives the machine's death. */
export function prepareRoot(root: string, hostname: string, user: User): void {
  for (const directory of [...DIRECTORIES, REPOSITORY_INSIDE, REPOSITORY_ROOT]) {
    mkdirSync(join(root, directory), { recursive: true });
  }
  for (const name of MAYBE_LINKS.filter((name) => existsSync(`/${name}`))) {
    if (lstatSync(`/${name}`).isSymbolicLink()) {
      symlinkSync(readlinkSync(`/${name}`), join(root, name));
    } else {
      mkdirSync(join(root, name));
    }
  }
  for (const name of CONFIGURATION.filter((name) => existsSync(`/etc/${name}`))) {
    cpSync(`/etc/${name}`, join(root, 'etc', name), { recursive: true, verbatimSymlinks: true });
  }
  writeFileSync(join(root, 'etc/hostname'), `${hostname}\n`);
  // No name server: a name that is not in /etc/hosts is unknown at once, not after a timeout.
  writeFileSync(join(root, 'etc/resolv.conf'), '');
  writeFileSync(join(root, 'etc/hosts'), '127.0.0.1 localhost\n::1 localhost\n');
  for (const directory of ['tmp', 'var/tmp']) {
    mkdirSync(join(root, directory), { recursive: true });
    chmodSync(join(root, directory), 0o1777);
  }
  for (const directory of OWNED_BY_THE_USER) {
    user.makeDirectory(join(root, directory));
  }
  chmodSync(join(root, `var/lib/archive2/${UNPRIVILEGED_USER}`), 0o700);
  symlinkSync('../run', join(root, 'var/run'));
}

/** Empties what is in memory on a real machine; call before each boot. */
export function clearRun(root: string, user: User): void {
  rmSync(join(root, 'run'), { recursive: true, force: true });
  user.makeDirectory(join(root, 'run/postgresql'));
  mkdirSync(join(root, 'run/sshd'), { recursive: true });
  mkdirSync(join(root, '.outside'), { recursive: true });
}
