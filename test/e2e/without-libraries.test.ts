import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ArchiveStand, sha256 } from '../support/archive-stand.ts';
import { DataDirectory } from '../support/data-directory.ts';
import type { Machine } from '../support/machine.ts';
import { peakMbOf } from '../support/peak-memory.ts';
import { RestoringDirectory } from '../support/restoring-directory.ts';

/** What the programs use of the system where it is there. */
const libraries = ['libcrypto.so.3', 'libzstd.so.1'];
const segments = 24;
const sizeBytes = 16 * 1024 ** 2;

let stand: ArchiveStand;
let restorer: Machine;
let data: DataDirectory;
let restoring: RestoringDirectory;

beforeAll(async () => {
  stand = await ArchiveStand.create();
  restorer = await stand.stand.machine('restorer');
  await stand.admit(restorer, 'get');
  data = new DataDirectory(stand, 'source');
  restoring = new RestoringDirectory(stand, restorer, 'recovering', 'recovery', data.systemIdentifier);
});

afterAll(async () => {
  await stand?.close();
});

/** Puts an empty file in the place of each library: whoever wants it finds none. */
async function hideLibraries(machine: Machine): Promise<void> {
  const known = (await machine.check(['/sbin/ldconfig', '-p'], { user: 'root' })).split('\n');
  for (const library of libraries) {
    const path = known.find((line) => line.trim().startsWith(`${library} `))?.split(' => ')[1];
    if (path === undefined) throw new Error(`this system has no ${library}`);
    await machine.check(['mount', '--bind', '/dev/null', path], { user: 'root' });
  }
}

/** The libraries that the one agent of a command has loaded, and the most memory it has had, in MB. */
function agentOf(machine: Machine, command: string): { loaded: string[]; peakMb: number } {
  const [agent, ...others] = machine.processes(`${command} agent run`);
  if (agent === undefined || others.length > 0) throw new Error(`not one agent of ${command}`);
  const maps = readFileSync(`/proc/${agent.pid}/maps`, 'utf8');
  return { loaded: libraries.filter((library) => maps.includes(`/${library}`)), peakMb: peakMbOf(agent.pid) };
}

test('without the system’s libcrypto and libzstd segments are shipped and restored in less than 200 MB as well', async () => {
  const before = data.segment(1, { sizeBytes });
  expect(await data.archive(before.name)).toMatchObject({ status: 0, stderr: '' });
  expect(await restoring.restore(before.name)).toMatchObject({ status: 0, digest: sha256(before.content) });
  // With them the agents use them: what follows is something else.
  expect(agentOf(stand.primary, 'archive_cmd').loaded).toEqual(['libcrypto.so.3']);
  expect(agentOf(restorer, 'restore_cmd').loaded).toEqual(libraries);

  await data.killAgents();
  await restoring.killAgents();
  await hideLibraries(stand.primary);
  await hideLibraries(restorer);
  const digests = new Map<string, string>();
  for (let number = 2; number < segments + 2; number += 1) {
    const { name, content } = data.segment(number, { sizeBytes });
    // As WAL does, it compresses to about a third.
    for (let page = 8192; page < sizeBytes; page += 8192) content.fill(0, page + 2731, page + 8192);
    data.file(name, content);
    data.markReady(name);
    digests.set(name, sha256(content));
  }
  for (const name of digests.keys()) expect(await data.archive(name)).toMatchObject({ status: 0, stderr: '' });
  const shipping = agentOf(stand.primary, 'archive_cmd');
  expect(shipping.loaded).toEqual([]);
  expect(shipping.peakMb).toBeLessThan(200);

  for (const [name, digest] of digests) expect(await restoring.restore(name)).toMatchObject({ status: 0, digest });
  const restored = agentOf(restorer, 'restore_cmd');
  expect(restored.loaded).toEqual([]);
  expect(restored.peakMb).toBeLessThan(200);
});
