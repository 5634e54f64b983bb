import { acceptPledge, acceptUnpledge } from '@archive2/core/archive/pledge-exchange.ts';
import type { ClientMessageOf, ServerMessageOf } from '@archive2/core/protocol/messages.ts';
import { checkRight } from './put-check.ts';
import type { ServeContext } from './serve-context.ts';

/** The peer asks for a pledge of two copies: from the answer on this host holds it too. */
export async function answerPledge(
  { rights, store }: ServeContext,
  request: ClientMessageOf<'pledge'>,
): Promise<ServerMessageOf<'pledged'>> {
  checkRight(rights, ['sync'], 'agree on two copies');
  const { newest, histories } = await acceptPledge(store, request.storeId, request);
  return { type: 'pledged', id: request.id, newest, histories };
}

/** The peer acknowledges files again that are on one host only: from the answer on, no "no" of this host speaks for both. */
export async function answerUnpledge(
  { rights, store }: ServeContext,
  request: ClientMessageOf<'unpledge'>,
): Promise<ServerMessageOf<'unpledged'>> {
  checkRight(rights, ['sync'], 'end what was agreed on two copies');
  await acceptUnpledge(store, request.storeId);
  return { type: 'unpledged', id: request.id };
}
