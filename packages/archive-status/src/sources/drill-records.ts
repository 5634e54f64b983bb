import { join } from 'node:path';
import { DrillStore } from '@archive2/core/restore/drill/drill-store.ts';
import { drillOfRecord } from '../derive/drills.ts';
import type { DrillReport } from '../model/backup-report.ts';

/**
 * The drills of a cluster that were recorded on this machine: by backup-verify in its state directory, and in the archive where this
 * is an archive host. The same one may be in both. Throws the system error of a directory that cannot be read.
 */
export async function readDrills(directories: readonly string[]): Promise<DrillReport[]> {
  const found = await Promise.all(directories.map((directory) => new DrillStore(directory).list()));
  return found.flat().map(drillOfRecord);
}

/** Where they are, by the state directory of this account and those of archives on this machine. */
export function drillDirectories(cluster: string, stateDirectory: string, archives: readonly string[]): string[] {
  return [join(stateDirectory, 'drills', cluster), ...archives.map((state) => join(state, 'drills'))];
}
