import type { ArchiveSettings } from '@archive2/core/cli/archive-options.ts';
import type { WalSource } from '@archive2/core/restore/server/restore-command.ts';
import { restoreProgram } from '@archive2/core/restore/server/restore-program.ts';
import type { RestorePlan } from '../plan/restore-plan.ts';

/**
 * What restore_command asks. A standby asks all hosts for ever. A recovery asks those that the plan was made with: the others' silence
 * was accepted, and a host that answers no speaks for itself; one that stops answering midway still stops the recovery.
 */
export function walSourceOf(plan: RestorePlan, { directory, archives, remoteProgram }: ArchiveSettings): WalSource {
  const answered = plan.hosts.map(({ place }) => place);
  const names = archives.flatMap((archive) => (archive.kind === 'host' ? [archive.name] : []));
  const remote = answered.filter(({ isLocal }) => !isLocal).map(({ name }) => name);
  return {
    program: restoreProgram(process.execPath),
    hosts: (plan.wish.isStandby ? names : remote).map(asSpec(archives)),
    walDirectory: directory.walDirectory,
    cluster: plan.cluster,
    localDirectory: answered.some(({ isLocal }) => isLocal) ? directory.walDirectory : undefined,
    remoteProgram: remoteProgram === 'archive_remote_cmd' ? undefined : remoteProgram,
  };
}

/** A peer that is called by its name in settings is reached as they say. */
function asSpec(archives: ArchiveSettings['archives']): (name: string) => string {
  return (name) => {
    const archive = archives.find((it) => it.kind === 'host' && it.name === name);
    return archive?.kind === 'host' ? archive.spec.text : name;
  };
}
