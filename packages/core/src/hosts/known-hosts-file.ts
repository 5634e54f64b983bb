import { readFile } from 'node:fs/promises';
import { systemErrorCode } from '../base/failure.ts';
import type { Log } from '../base/log.ts';
import { type KnownHostLine, KnownHosts, parseKnownHosts } from './known-hosts.ts';

/** Reads known_hosts files; one that is missing adds nothing, one that cannot be read is logged and adds nothing, which fails closed. */
export async function readKnownHosts(paths: readonly string[], log: Log): Promise<KnownHosts> {
  const lines: KnownHostLine[] = [];
  for (const path of paths) {
    try {
      lines.push(...parseKnownHosts(await readFile(path, 'utf8'), path));
    } catch (error) {
      const code = systemErrorCode(error);
      if (code !== 'ENOENT') log.warning('a known_hosts file cannot be read', { file: path, error: code });
    }
  }
  return new KnownHosts(lines);
}
