import { recordEvent } from '@archive2/core/archive/events.ts';
import { usageFailure } from '@archive2/core/cli/arguments.ts';
import { writeStdout } from '@archive2/core/cli/exit.ts';
import type { NewEvent } from '@archive2/core/files/event-text.ts';
import { readLocalIdentity } from '@archive2/core/hosts/local-identity.ts';
import { parseArchiveFileName } from '@archive2/core/wal/archive-file.ts';
import { commandSpec } from '../options.ts';
import { openStore, type RemoteRun } from '../remote-run.ts';
import { type Claim, listClaims } from './claims.ts';
import { keepStored, useNew } from './settle-conflict.ts';
import { describeConflict, formatClaims } from './show-conflict.ts';

/** `conflict list | show NAME | keep-stored NAME [DIGEST] | use-new NAME [DIGEST]`: how a person settles two contents of one name. */
export async function runConflict(run: RemoteRun): Promise<void> {
  const [action, name, tag, ...rest] = run.words;
  const store = await openStore(run);
  const claims = await listClaims(store);
  if (action === 'list' && name === undefined) {
    await writeStdout(formatClaims(claims));
    return;
  }
  if (name === undefined || rest.length > 0) {
    throw usageFailure(commandSpec, 'conflict takes list, or show, keep-stored or use-new with a NAME');
  }
  const file = parseArchiveFileName(name);
  const own = claims.filter((claim) => claim.file.name === file.name && (tag === undefined || claim.tag === tag));
  if (action === 'show') {
    await writeStdout(await describeConflict(store, file, own));
  } else if (action === 'keep-stored') {
    const count = await keepStored(store, file, own);
    await recordDecision(run, { event: 'conflict-keep-stored', name: file.name, dropped: own.map(tagOf).join(' ') });
    run.log.info('the stored file stays', { name: file.name, removedFromQuarantine: count });
  } else if (action === 'use-new') {
    await useNew(store, file, own);
    await recordDecision(run, { event: 'conflict-use-new', name: file.name, taken: own.map(tagOf).join(' ') });
    run.log.info('the newcomer has the name now; settle the same way on the peer', { name: file.name });
  } else {
    throw usageFailure(commandSpec, `${action} is none of list, show, keep-stored, use-new`);
  }
}

const tagOf = ({ tag }: Claim) => tag;

/** Who decided, and what: the contents that were dropped are gone, and somebody may ask for them. */
async function recordDecision({ options, clock }: RemoteRun, event: NewEvent): Promise<void> {
  const { userName, hostName } = await readLocalIdentity();
  const who = `${userName}@${hostName}`;
  await recordEvent(options.directory, { ...event, who }, clock.nowMs());
}
