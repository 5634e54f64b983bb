import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { giveSentRing, takeSentRing } from '../../../packages/core/src/archive/sent-ring.ts';
import { storedBody } from '../../../packages/core/src/archive/stored-body.ts';
import { putFile } from '../../../packages/core/src/hosts/put.ts';
import { waitFor } from '../../support/wait-for.ts';
import { mib, nameOf, segment } from '../archive/wal-segment.ts';
import { failureFrom } from '../base/expect-failure.ts';
import { bodyOf, connect, headerOf, TestHost } from './test-host.ts';

/** A host with a segment of several pieces, and a session with another one. */
async function hostWithSegment() {
  const [host, peer] = [await TestHost.open(), await TestHost.open()];
  const form = await segment(nameOf(1), { segmentSize: 4 * mib });
  await putFile((await connect(host)).session, headerOf(form), bodyOf(form));
  return { host, peer, form, ...(await connect(peer)) };
}

test('a stored file goes to the peer as it is, and where it was read into is used again', async () => {
  const { host, peer, form, session } = await hostWithSegment();
  await putFile(session, headerOf(form), storedBody(host.store, form.file));
  expect(readFileSync(peer.directory.walFile(form.file.name)).equals(form.stored)).toBe(true);
  const used = takeSentRing();
  expect(used.ring.length).toBeGreaterThan(1);
  expect(takeSentRing().ring).toEqual([]);
  giveSentRing(used);
  expect(takeSentRing().ring).toBe(used.ring);
});

test('where it was read into is not used again where some of it was never written', async () => {
  const { host, form, session, channel } = await hostWithSegment();
  const put = putFile(session, headerOf(form), storedBody(host.store, form.file));
  channel.stream.cork();
  await waitFor(() => channel.stream.writableLength > mib / 4, { what: 'the body to wait' });
  channel.stream.destroy();
  await failureFrom('host_unreachable', put);
  expect(takeSentRing().ring).toEqual([]);
});

test('a file that is gone meanwhile is no body', async () => {
  const { peer, form, session } = await hostWithSegment();
  await failureFrom('not_found', putFile(session, headerOf(form), storedBody(peer.store, form.file)));
});
