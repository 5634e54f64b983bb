import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { REPOSITORY_ROOT } from '../../test/support/repository.ts';

/**
 * Puts our program into the page cache as an installation leaves it there, and the peer's whole. Where the kernel takes back what was not
 * used for some seconds, as virtual machines have it do (DAMON), each would otherwise be measured in the state in which the other one's
 * turn has left it. What a start costs after that is in docs/decisions.md, 70. Our agents are replaced at their next call.
 */
export function asInstalled(): void {
  execFileSync(`${REPOSITORY_ROOT}/bin/archive2`, ['install', `${REPOSITORY_ROOT}/bin`]);
  readFileSync('/usr/bin/pgbackrest');
}
