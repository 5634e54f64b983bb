import { existsSync } from 'node:fs';
import type { Asker } from './answer.ts';

/** Looked at in the working directory, at each call: PostgreSQL runs restore_command in its data directory. */
export function currentAsker(): Asker {
  if (existsSync('standby.signal')) return 'standby';
  return existsSync('recovery.signal') ? 'recovery' : 'elsewhere';
}
