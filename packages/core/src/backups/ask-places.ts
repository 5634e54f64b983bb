import { withDeadline } from '../base/deadline.ts';
import { Failure, toFailure } from '../base/failure.ts';
import type { ArchivePlace, PlaceAnswer } from './archive-place.ts';
import type { HostSurvey } from './host-survey.ts';

/**
 * Asks all places at the same time for their surveys; the answers come in the places' order, those that did not come within
 * `deadlineMs` as Failure `host_stalled`. Throws Failure `usage` when two places are one archive, and `wrong_cluster` when they hold
 * different clusters.
 */
export async function askPlaces(places: readonly ArchivePlace[], deadlineMs: number): Promise<PlaceAnswer[]> {
  const answers = await Promise.all(places.map((place) => ask(place, deadlineMs)));
  checkDiffer(answers.flatMap((answer) => ('survey' in answer ? [answer] : [])));
  return answers;
}

async function ask(place: ArchivePlace, deadlineMs: number): Promise<PlaceAnswer> {
  const asked = place.survey();
  // Whoever comes too late has nobody to listen.
  asked.catch(() => undefined);
  try {
    const survey = await withDeadline(
      asked,
      deadlineMs,
      () => new Failure('host_stalled', `${place.name} did not say what it holds within ${deadlineMs} ms`),
    );
    return { place, survey };
  } catch (error) {
    return { place, problem: toFailure(error) };
  }
}

interface Answered {
  place: ArchivePlace;
  survey: HostSurvey;
}

function checkDiffer(answered: readonly Answered[]): void {
  for (const [index, one] of answered.entries()) {
    for (const other of answered.slice(index + 1)) checkPair(one, other);
  }
}

function checkPair(one: Answered, other: Answered): void {
  const { storeId, identity } = one.survey;
  const names = `${one.place.name} and ${other.place.name}`;
  if (storeId !== undefined && storeId === other.survey.storeId) {
    throw new Failure('usage', `${names} are one archive under two names`, {
      hint: 'Name each archive host once. A directory that was copied from the other host needs an id of its own: remove its state/store-id.',
    });
  }
  const theirs = other.survey.identity;
  if (identity === undefined || theirs === undefined) return;
  if (identity.systemIdentifier === theirs.systemIdentifier && identity.segmentSize === theirs.segmentSize) return;
  throw new Failure('wrong_cluster', `${names} hold different clusters`, {
    hint: `Their system identifiers are ${identity.systemIdentifier} and ${theirs.systemIdentifier}. Name the hosts of one cluster.`,
  });
}
