import { type ControlData, type PrimarySetting, primarySettingNames } from './control-data.ts';
import type { Settings } from './settings-text.ts';

/** What PostgreSQL 12 to 18 have where no file says otherwise. */
const defaults: Readonly<Record<PrimarySetting, number>> = {
  max_connections: 100,
  max_worker_processes: 8,
  max_wal_senders: 10,
  max_prepared_transactions: 0,
  max_locks_per_transaction: 64,
};

/**
 * The settings that a server needs to replay this primary's WAL while it answers queries, and that its files give too low: with less
 * it stops or pauses in the middle. `configured` is what its files say now. Pure.
 */
export function missingMinimums(
  { primarySettings }: ControlData,
  configured: (name: PrimarySetting) => string | undefined,
): Settings {
  const low = primarySettingNames.filter((name) => {
    const value = configured(name);
    return Number(value ?? defaults[name]) < primarySettings[name];
  });
  return Object.fromEntries(low.map((name) => [name, String(primarySettings[name])]));
}
