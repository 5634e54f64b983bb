import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';

/** Runs PostgreSQL, sshd and the commands on every machine; Debian's package makes it. */
export const UNPRIVILEGED_USER = 'postgres';

/** An account of this computer, which every machine knows too. */
export class User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;

  /** @throws Error when there is no such account. */
  constructor(name: string) {
    const line = readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .find((line) => line.startsWith(`${name}:`));
    if (line === undefined) {
      throw new Error(`there is no user ${name}: run "make setup"`);
    }
    const [, , uid, gid, , home] = line.split(':');
    this.name = name;
    this.uid = Number(uid);
    this.gid = Number(gid);
    this.home = home ?? '/';
  }

  /** Makes a directory, parents included, and gives it to this user. */
  makeDirectory(path: string, mode = 0o755): void {
    mkdirSync(path, { recursive: true });
    chmodSync(path, mode);
    chownSync(path, this.uid, this.gid);
  }

  /** Writes a file and gives it to this user. */
  writeFile(path: string, content: string | Uint8Array, mode = 0o600): void {
    writeFileSync(path, content, { mode });
    chmodSync(path, mode);
    chownSync(path, this.uid, this.gid);
  }
}
