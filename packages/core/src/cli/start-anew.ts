import { execute } from '../base/exec-door.ts';
import type { RuntimeSettings } from '../base/runtime-settings.ts';
import type { Invocation } from './invocation.ts';
import { calledWords } from './invocation.ts';

/**
 * Starts this process anew with settings for its runtime, where it was started without: 5 ms, for what has much to do. Where that cannot
 * be done it returns, and goes on without them; and so where the environment says something of them, which may be the start before.
 */
export function startAnew({ environment }: Invocation, settings: RuntimeSettings): void {
  if (Object.keys(settings).some((name) => environment[name] !== undefined)) return;
  // Not by its path, which another version may have by now.
  execute('/proc/self/exe', calledWords(), { ...environment, ...settings });
}
