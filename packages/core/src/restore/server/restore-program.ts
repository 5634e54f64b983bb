import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The words that call restore_cmd, by absolute path: the one beside this program, else this program told to be it. */
export function restoreProgram(execPath: string): string[] {
  const beside = join(dirname(execPath), 'restore_cmd');
  return existsSync(beside) ? [beside] : [execPath, 'restore_cmd'];
}
