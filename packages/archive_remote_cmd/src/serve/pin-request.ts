import { maxPinTtlMs, Pins } from '@archive2/core/backups/pins.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import type { ClientMessageOf } from '@archive2/core/protocol/messages.ts';
import { parseLsn } from '@archive2/core/wal/lsn.ts';
import { timelineFromNumber } from '@archive2/core/wal/timeline-id.ts';
import { checkRight } from './put-check.ts';
import type { ServeContext } from './serve-context.ts';

/**
 * Sets, prolongs or ends a pin. A key may only touch a pin whose id it knows, and no message tells ids: nobody ends another's. Throws
 * Failure `usage` for what is no pin, `busy` when there are too many.
 */
export async function setPin(context: ServeContext, request: ClientMessageOf<'pin'>): Promise<void> {
  const { rights, directory, clock, log } = context;
  checkRight(rights, ['get', 'sync'], 'pin WAL');
  const pins = new Pins(directory);
  if (request.ttlSeconds === 0) {
    await pins.remove(request.pin);
    return;
  }
  const timeline = timelineFromNumber(request.timeline);
  if (timeline === undefined) throw new Failure('usage', `${request.timeline} is no timeline`);
  if (request.ttlSeconds * 1000 > maxPinTtlMs) {
    throw new Failure('usage', `a pin of ${request.ttlSeconds} s is longer than a session may hold WAL`, {
      hint: `Ask for at most ${maxPinTtlMs / 1000} s, and again before they are over.`,
    });
  }
  const nowMs = clock.nowMs();
  const from = { timeline, lsn: parseLsn(request.from) };
  const pin = { id: request.pin, holder: request.holder, from, expiresMs: nowMs + request.ttlSeconds * 1000 };
  await pins.set(pin, nowMs);
  log.debug('WAL pinned', { holder: request.holder, timeline, from: request.from, seconds: request.ttlSeconds });
}
