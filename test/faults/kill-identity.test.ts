import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ArchiveHost } from '../support/archive-host.ts';
import { ArchiveStand } from '../support/archive-stand.ts';
import { FaultCluster } from '../support/fault-cluster.ts';
import { Invariants } from '../support/invariants.ts';
import { killAtEachCall, pushAndKill } from '../support/push-and-kill.ts';

let stand: ArchiveStand;
let h1: ArchiveHost;
let h2: ArchiveHost;
let cluster: FaultCluster;
let invariants: Invariants;

beforeAll(async () => {
  stand = await ArchiveStand.create();
  [h1, h2] = stand.hosts;
});

afterEach(async () => {
  await cluster?.close();
});

afterAll(async () => {
  await stand?.close();
});

async function setUp(): Promise<void> {
  cluster = await FaultCluster.create(stand);
  invariants = new Invariants(cluster);
}

test.each([
  ['host 1', 'put'],
  ['host 2, the peer,', 'sync'],
] as const)(
  '35: archive_remote_cmd on %s is killed while it makes the identity of the cluster',
  async (_what, role) => {
    const killedAt = await killAtEachCall(async (at) => {
      await cluster?.close();
      await setUp();
      const pattern = new RegExp(`^\\w+ ${cluster.directory}(/\\.?cluster\\.json.*|/state/\\.?store-id.*)?$`);
      const call = await pushAndKill(cluster, { host: role === 'put' ? h1 : h2, role, at, pattern });
      await cluster.converged();
      invariants.check({ copies: 2, parts: 2 });
      const texts = (file: string) => stand.hosts.map((it) => readFileSync(cluster.path(it, file), 'utf8'));
      const [first, second] = texts('cluster.json').map((text) => JSON.parse(text).systemIdentifier);
      expect(first).toBe(second);
      expect(new Set(texts('state/store-id')).size).toBe(2);
      return call;
    });
    const identity = ['link DIRECTORY/cluster.json', 'fsync DIRECTORY', 'unlink DIRECTORY/.cluster.json.part'];
    expect(killedAt).toEqual(expect.arrayContaining([...identity, 'link DIRECTORY/state/store-id']));
  },
);
