import { recordEvent } from '@archive2/core/archive/events.ts';
import { type Pledge, type PledgeState } from '@archive2/core/archive/pledge.ts';
import { PledgeFile } from '@archive2/core/archive/pledge-file.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import { usageFailure } from '@archive2/core/cli/arguments.ts';
import { writeStdout } from '@archive2/core/cli/exit.ts';
import { readLocalIdentity } from '@archive2/core/hosts/local-identity.ts';
import { commandSpec } from '../options.ts';
import { openStore, type RemoteRun } from '../remote-run.ts';

const meanings: Record<PledgeState, string> = {
  pending: 'being agreed on with the peer; senders that ask for one copy are refused until the peer was told',
  held: 'what senders were told is archived is on both hosts; where the peer is gone, the "no" of this host is enough',
  ended: 'a sender asks for one copy; the peer was not told yet, and until then no such file is acknowledged',
  waived: 'ended by a person; the peer was not told yet: do not recover from the peer alone until it was back',
};

/** `pledge show | waive`: what this host and its peer hold from each other, and how a person ends it without the peer. */
export async function runPledge(run: RemoteRun): Promise<void> {
  const [action, ...rest] = run.words;
  if ((action !== 'show' && action !== 'waive') || rest.length > 0) {
    throw usageFailure(commandSpec, 'pledge takes show or waive');
  }
  const store = await openStore(run);
  const file = new PledgeFile(store.directory, run.clock);
  if (action === 'show') {
    await writeStdout(describePledge(await file.read()));
    return;
  }
  const waived = await file.alone(async () => {
    const pledge = await readWhateverThereIs(file);
    if (pledge === undefined) return false;
    await file.write('waived', pledge.partner, pledge);
    return true;
  });
  if (waived)
    await recordEvent(store.directory, { event: 'pledge-waived', who: await whoDecides() }, run.clock.nowMs());
  if (waived) run.log.warning('pledge waived: do not recover from the peer alone until it was back and was told');
  else run.log.info('there is no pledge to waive');
}

async function whoDecides(): Promise<string> {
  const { userName, hostName } = await readLocalIdentity();
  return `${userName}@${hostName}`;
}

function describePledge(pledge: Pledge | undefined): string {
  if (pledge === undefined) return 'no pledge of two copies\n';
  const { state, since, partner } = pledge;
  return `${state} since ${since} with the archive ${partner}: ${meanings[state]}\n`;
}

/** One that cannot be read binds all the same: whoever waives it means whatever it said. */
async function readWhateverThereIs(
  file: PledgeFile,
): Promise<Pick<Pledge, 'partner' | 'newest' | 'histories'> | undefined> {
  try {
    return await file.read();
  } catch (error) {
    if (error instanceof Failure && error.code === 'damaged') return { partner: '', newest: [], histories: [] };
    throw error;
  }
}
