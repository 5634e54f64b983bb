import { formatLsn } from '../wal/lsn.ts';
import type { Outcome } from './task.ts';

/** Characters of an error that are kept. */
const LONGEST_ERROR = 4000;

/** A task's columns that say how it ended; LSNs as text, details as JSON text, null for what is not known. */
export function outcomeColumns(outcome: Outcome): Record<string, string | number | null> {
  const { result = {} } = outcome;
  return {
    state: outcome.state,
    error: outcome.state === 'failed' ? outcome.error.slice(0, LONGEST_ERROR) : null,
    name: result.name ?? null,
    source_bytes: result.sourceBytes ?? null,
    stored_bytes: result.storedBytes ?? null,
    start_lsn: result.startLsn === undefined ? null : formatLsn(result.startLsn),
    stop_lsn: result.stopLsn === undefined ? null : formatLsn(result.stopLsn),
    timeline: result.timeline ?? null,
    system_identifier: result.systemIdentifier ?? null,
    server_version: result.serverVersion ?? null,
    tool_version: result.toolVersion ?? null,
    based_on_task_id: result.basedOnTaskId ?? null,
    details: result.details === undefined ? null : JSON.stringify(result.details),
  };
}
