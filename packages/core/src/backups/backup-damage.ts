import { Failure } from '../base/failure.ts';
import { escapeControls } from '../base/log.ts';

/** A base backup that is not what the server said it sent. It never counts; it is taken again. */
export function backupDamaged(what: string, cause?: unknown): Failure {
  return new Failure('backup_damaged', `the base backup ${what}`, {
    hint: "It was not kept. If it happens again, look at the server's and this host's logs, disks and memory.",
    ...(cause === undefined ? {} : { cause }),
  });
}

/** A name from a tar or a manifest, for messages. */
export function shownName(name: string): string {
  return `"${escapeControls(name.slice(0, 120))}"`;
}
