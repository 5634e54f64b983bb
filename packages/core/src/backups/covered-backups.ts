import type { SurveyedBackup } from './host-survey.ts';
import type { SurveyedHost } from './joined-wal.ts';

/** A complete base backup, and who has it. */
export interface CoveredBackup {
  /** "data.master.7" */
  readonly name: string;
  /** One, or both where the very same lies on both. Numbers are each host's own: one name may be two backups. */
  readonly hosts: readonly string[];
  readonly backup: SurveyedBackup;
  /** Whether it carries the WAL from its start to its stop itself. */
  readonly bringsWal: boolean;
  /** Why nothing can be restored from it; undefined when something can. */
  readonly problem: string | undefined;
}

/** All complete backups of the hosts, by when they ended. */
export function listCoveredBackups(hosts: readonly SurveyedHost[]): CoveredBackup[] {
  const copies = hosts.flatMap(({ name, survey }) => survey.backups.map((backup) => ({ host: name, backup })));
  const complete = copies.filter(({ backup }) => backup.state === 'complete');
  const same = Map.groupBy(complete, ({ host, backup }) => keyOf(backup) ?? `${backup.name} of ${host}`);
  return [...same.values()]
    .flatMap((group): CoveredBackup[] => {
      const [first] = group;
      if (first === undefined) return [];
      const { backup } = first;
      const bringsWal = backup.files.some(({ name }) => name.startsWith('pg_wal.tar'));
      return [
        { name: backup.name, hosts: group.map(({ host }) => host), backup, bringsWal, problem: problemOf(backup) },
      ];
    })
    .sort((a, b) => (a.backup.endedMs ?? 0) - (b.backup.endedMs ?? 0));
}

function keyOf({ name, manifestSha256 }: SurveyedBackup): string | undefined {
  return manifestSha256 === undefined ? undefined : `${name} ${manifestSha256}`;
}

function problemOf({ problem, start, parent }: SurveyedBackup): string | undefined {
  if (problem !== undefined) return problem;
  if (start === undefined) return 'it is not known where its recovery begins';
  return parent === undefined ? undefined : `it is incremental: it must be combined with ${parent} first`;
}
