/**
 * What a proxy does to one direction of its connections. Bytes are counted per connection and direction from when the
 * mode was set, or from the connection's start if that was later.
 */
export type PumpMode =
  | 'pass'
  /** No more bytes move, nor does the end of the stream; the connection stays open. */
  | 'hang'
  | { hangAfterBytes: number }
  /** Both ends get a RST; when the first byte beyond the number arrives. */
  | { resetAfterBytes: number }
  /** May be below 1: 0.1 is a byte every ten seconds. */
  | { throttleBytesPerSecond: number }
  /** Each byte arrives that much later, as on a long line; the throughput stays. */
  | { delayMs: number }
  /** One bit of the byte at this offset is flipped. */
  | { corruptByteAt: number };

/** Besides those, what a proxy does to connections as a whole. */
export type ProxyMode =
  | PumpMode
  /** New connections are refused; those that are open go on. */
  | 'refuse'
  /** Packets vanish: new connections get no answer, on open ones nothing is acknowledged. */
  | 'blackhole';

export type Step =
  | { do: 'move'; bytes: number; corruptAt?: number; thenWaitMs?: number }
  | { do: 'wait'; waitMs: number }
  | { do: 'hang' }
  | { do: 'reset' };

/** What to do with a chunk that arrived `ageMs` ago, when `moved` bytes have been counted before. */
export function nextStep(mode: PumpMode, moved: number, bytes: number, ageMs: number): Step {
  if (mode === 'pass') {
    return { do: 'move', bytes };
  }
  if (mode === 'hang') {
    return { do: 'hang' };
  }
  if ('hangAfterBytes' in mode) {
    const left = mode.hangAfterBytes - moved;
    return left > 0 ? { do: 'move', bytes: Math.min(left, bytes) } : { do: 'hang' };
  }
  if ('resetAfterBytes' in mode) {
    const left = mode.resetAfterBytes - moved;
    return left > 0 ? { do: 'move', bytes: Math.min(left, bytes) } : { do: 'reset' };
  }
  if ('throttleBytesPerSecond' in mode) {
    // Twenty portions a second, at least a byte each.
    const portion = Math.min(bytes, Math.max(1, Math.floor(mode.throttleBytesPerSecond / 20)));
    return { do: 'move', bytes: portion, thenWaitMs: (portion / mode.throttleBytesPerSecond) * 1000 };
  }
  if ('delayMs' in mode) {
    return ageMs >= mode.delayMs ? { do: 'move', bytes } : { do: 'wait', waitMs: mode.delayMs - ageMs };
  }
  const corruptAt = mode.corruptByteAt - moved;
  return corruptAt >= 0 && corruptAt < bytes ? { do: 'move', bytes, corruptAt } : { do: 'move', bytes };
}
