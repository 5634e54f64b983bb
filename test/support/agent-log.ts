import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Machine } from './machine.ts';

/** What agents have logged into a state directory of a machine. */
export function agentLogIn(machine: Machine, stateDirectory: string): string {
  const directory = machine.path(stateDirectory);
  const logs = readdirSync(directory).filter((name) => name.endsWith('.log'));
  return logs.map((name) => readFileSync(join(directory, name), 'utf8')).join('');
}
