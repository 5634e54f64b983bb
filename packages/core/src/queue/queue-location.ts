import { isAbsolute } from 'node:path';
import { Failure } from '../base/failure.ts';
import { type Conninfo, parseConninfo, refuseSecrets } from '../postgres/conninfo.ts';

/** Where a queue is kept: what `--queue` says. */
export type QueueLocation = { kind: 'postgres'; conninfo: Conninfo } | { kind: 'sqlite'; path: string };

const hint =
  'A queue is "sqlite:/var/lib/archive/queue.db", "postgresql://backup@db9/backup", "service=backup", or ' +
  '"host=db9 dbname=backup user=backup".';

/** Reads `--queue`. Throws `usage` for what is neither a file nor a connection string, and for one with a secret in it. */
export function parseQueueLocation(text: string): QueueLocation {
  if (text.startsWith('sqlite:')) {
    const path = text.slice('sqlite:'.length);
    if (!isAbsolute(path) || path.endsWith('/')) {
      throw new Failure('usage', `the queue ${JSON.stringify(text)} is not "sqlite:" and an absolute path`, { hint });
    }
    return { kind: 'sqlite', path };
  }
  // A typing mistake must not become the database of the account's name on this machine.
  if (text.trim() === '') {
    const where = 'Give --queue, or put QUEUE=… into /etc/default/ under the name of the command.';
    throw new Failure('usage', 'no queue is given', { hint: `${where} ${hint}` });
  }
  const conninfo = parseConninfo(text);
  refuseSecrets(conninfo);
  return { kind: 'postgres', conninfo };
}

/** For messages: where it is, in few words. */
export function describeLocation(location: QueueLocation): string {
  if (location.kind === 'sqlite') return `sqlite:${location.path}`;
  const { service, dbname, host, port } = location.conninfo;
  const database = dbname === undefined ? 'postgresql' : `database ${dbname}`;
  if (host === undefined && service !== undefined) return `service ${service}`;
  return `${database} on ${host ?? 'this machine'}${port === undefined ? '' : ` port ${port}`}`;
}
