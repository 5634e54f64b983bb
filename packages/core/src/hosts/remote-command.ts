import type { Right } from '../protocol/messages.ts';

export interface RemoteServe {
  /** The program's name or path on the archive host; words that a shell splits are kept apart by it (`sudo -u x prog`). */
  program: string;
  clusterDirectory: string;
  cluster: string;
  allow: readonly Right[];
}

/**
 * The command line that starts a session on an archive host. With a restricted key the host's forced command runs instead
 * and this one is never looked at; without one, the account's shell runs it.
 */
export function serveCommandLine(serve: RemoteServe): string {
  const args = ['serve', '--dir', serve.clusterDirectory, '--cluster', serve.cluster, '--allow', serve.allow.join(',')];
  return `${serve.program} ${args.map(quoteForShell).join(' ')}`;
}

function quoteForShell(word: string): string {
  return /^[\w./,:@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
