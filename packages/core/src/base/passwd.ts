/**
 * Name and home of a user id in the text of a passwd file (passwd(5)); undefined when it is not there.
 *
 * Bun's `os.userInfo()` answers from USER and HOME (checked on 1.4.5), which PostgreSQL, cron and systemd leave out.
 */
export function findPasswdEntry(text: string, uid: number): { userName: string; homeDirectory: string } | undefined {
  for (const line of text.split('\n')) {
    const [userName, , uidText, , , homeDirectory] = line.split(':');
    if (userName && homeDirectory && uidText === String(uid)) return { userName, homeDirectory };
  }
  return undefined;
}
