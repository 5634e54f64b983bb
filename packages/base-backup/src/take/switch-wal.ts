import type { Log } from '@archive2/core/base/log.ts';
import type { BackupServer } from '@archive2/core/postgres/connect-servers.ts';

/**
 * A backup from a standby ends in a segment that the primary has yet to end; a primary ends it by itself with the backup. Where the
 * primary can't be asked, or we may not, archive_timeout does it.
 */
export async function switchWal({ facts, primary }: BackupServer, log: Log): Promise<void> {
  if (!facts.isStandby || primary === undefined) return;
  try {
    await primary.query('SELECT pg_catalog.pg_switch_wal()');
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    log.debug('the primary was not asked to end its segment (GRANT EXECUTE ON FUNCTION pg_switch_wal TO …)', {
      problem,
    });
  }
}
