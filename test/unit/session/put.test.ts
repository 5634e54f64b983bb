import { readdirSync, readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Failure } from '../../../packages/core/src/base/failure.ts';
import { putFile } from '../../../packages/core/src/hosts/put.ts';
import { maxBodyBytes } from '../../../packages/core/src/protocol/frame.ts';
import { waitFor } from '../../support/wait-for.ts';
import { fingerprintOf, mib, nameOf, ourSystem, plain, segment } from '../archive/wal-segment.ts';
import { failureFrom } from '../base/expect-failure.ts';
import { bodyOf, brokenBody, type Connected, connect, gate, headerOf, TestHost } from './test-host.ts';

function names(host: TestHost): string[] {
  return readdirSync(host.directory.walDirectory).sort();
}

/** The client's side of one put, frame by frame. */
async function manualPut({ session }: Connected, name: string) {
  const form = await segment(name);
  let settle: (code: string) => void = () => undefined;
  const outcome = new Promise<string>((resolve) => {
    settle = resolve;
  });
  const id = session.begin({
    receive: (message) => settle(message.type === 'stored' ? message.outcome : message.type),
    fail: (failure) => settle(failure.code),
  });
  return {
    name,
    outcome,
    header: () => session.send({ ...headerOf(form), type: 'put', id }),
    body: () => {
      for (let at = 0; at < form.stored.length; at += maxBodyBytes) {
        session.send({ type: 'data', id }, form.stored.subarray(at, at + maxBodyBytes));
      }
    },
    end: () => session.send({ ...form.summary, type: 'end', id }),
    abort: () => session.send({ type: 'abort', id }),
  };
}

describe('a put', () => {
  test('stores the file, durably, and says what it did and where', async () => {
    const host = await TestHost.open();
    const { session } = await connect(host);
    const form = await segment(nameOf(1));
    const verdict = await putFile(session, headerOf(form), bodyOf(form));
    expect(verdict).toMatchObject({ outcome: 'new', peerState: 'none', storeId: await host.store.storeId() });
    expect(readFileSync(host.directory.walFile(nameOf(1))).equals(form.stored)).toBe(true);
    expect(await putFile(session, headerOf(form), bodyOf(form))).toMatchObject({ outcome: 'same' });
    await waitFor(() => names(host).length === 1, { what: 'the second one’s part to go' });
    expect(names(host)).toEqual([nameOf(1)]);
  });

  test('whose pieces are larger than a frame is cut', async () => {
    const host = await TestHost.open();
    const { session } = await connect(host);
    const form = await segment(nameOf(1), { segmentSize: 2 * mib });
    await putFile(session, headerOf(form), bodyOf(form, undefined, 10 * mib));
    expect(readFileSync(host.directory.walFile(nameOf(1))).equals(form.stored)).toBe(true);
  });

  test('of an unusable name is refused before any I/O, and the session goes on', async () => {
    const host = await TestHost.open();
    const { session } = await connect(host);
    const form = await segment(nameOf(1));
    for (const name of ['../../x', '/etc/x', '$(id)', ';', 'a\nb', '\u0000', '-rf', 'x'.repeat(65), '\u001b[2J', '']) {
      await failureFrom('bad_name', putFile(session, { ...headerOf(form), name }, bodyOf(form)));
    }
    expect(names(host)).toEqual([]);
    await putFile(session, headerOf(form), bodyOf(form));
    expect(names(host)).toEqual([nameOf(1)]);
  });

  test("of a cluster that is not the archive's is refused before its body is sent", async () => {
    const host = await TestHost.open();
    const { session } = await connect(host);
    const form = await segment(nameOf(1));
    await putFile(session, headerOf(form), bodyOf(form));
    const next = await segment(nameOf(2));
    const header = headerOf(next, { systemIdentifier: String(ourSystem + 1n), digest: next.rawDigest });
    const body = bodyOf(next);
    await failureFrom('wrong_cluster', putFile(session, header, body));
    expect(body.takenBytes).toBe(0);
  });

  test('that is refused while its body is on its way stops sending it', async () => {
    const host = await TestHost.open();
    const { session } = await connect(host);
    await putFile(session, headerOf(await segment(nameOf(1))), bodyOf(await segment(nameOf(1))));
    const other = await segment(nameOf(2), { systemIdentifier: 1n, segmentSize: 8 * mib, pageAddress: 0x10_0000n });
    const body = bodyOf(other, undefined, 50_000);
    await failureFrom('wrong_cluster', putFile(session, headerOf(other), body));
    expect(body.takenBytes).toBeLessThan(other.stored.length);
    await waitFor(() => names(host).length === 1, { what: 'the part to go' });
    expect(names(host)).toEqual([nameOf(1)]);
    expect(session.isOpen).toBe(true);
  });

  test('with a wrong digest or size is refused and leaves nothing', async () => {
    const host = await TestHost.open();
    const { session } = await connect(host);
    const form = await segment(nameOf(1));
    const wrong = { ...form, summary: { ...form.summary, fingerprint: fingerprintOf(Buffer.from('other')) } };
    await failureFrom('damaged', putFile(session, headerOf(form), bodyOf(wrong)));
    await waitFor(() => names(host).length === 0, { what: 'the part to go' });
  });

  test('that its sender gives up leaves nothing, and the next one goes through', async () => {
    const host = await TestHost.open();
    const { session } = await connect(host);
    const form = await segment(nameOf(1));
    await failureFrom('source_changed', putFile(session, headerOf(form), brokenBody(form)));
    await waitFor(() => names(host).length === 0, { what: 'the part to go' });
    expect(await putFile(session, headerOf(form), bodyOf(form))).toMatchObject({ outcome: 'new' });
  });

  test('that goes on after its end changes nothing', async () => {
    const host = await TestHost.open();
    const connected = await connect(host);
    const put = await manualPut(connected, nameOf(1));
    put.header();
    put.body();
    put.end();
    put.body();
    put.end();
    await put.outcome;
    connected.session.close();
    await connected.channel.served.catch(() => undefined);
    const [name] = names(host);
    // Refused or stored, but never stored with the second body.
    if (name !== undefined) {
      expect(readFileSync(host.directory.walFile(name)).equals((await segment(nameOf(1))).stored)).toBe(true);
    }
  });
});

describe('a put that asks by digest first', () => {
  test('sends nothing when the archive has the content', async () => {
    const host = await TestHost.open();
    const { session } = await connect(host);
    const form = await segment(nameOf(1));
    await putFile(session, headerOf(form), bodyOf(form));
    const body = bodyOf(form);
    const verdict = await putFile(session, headerOf(form, { digest: form.rawDigest }), body);
    expect(verdict.outcome).toBe('same');
    expect(body.takenBytes).toBe(0);
  });

  test('sends the body when the archive has nothing', async () => {
    const host = await TestHost.open();
    const { session } = await connect(host);
    const form = await segment(nameOf(1));
    const verdict = await putFile(session, headerOf(form, { digest: form.rawDigest }), bodyOf(form));
    expect(verdict.outcome).toBe('new');
    expect(names(host)).toEqual([nameOf(1)]);
  });

  test('sends other content once, to be kept; the second time it is refused without a body', async () => {
    const host = await TestHost.open();
    const { session } = await connect(host);
    const [form, other] = [await segment(nameOf(1), { seed: 1 }), await segment(nameOf(1), { seed: 2 })];
    await putFile(session, headerOf(form), bodyOf(form));
    const header = headerOf(other, { digest: other.rawDigest });
    const failure = await failureFrom('conflict', putFile(session, header, bodyOf(other)));
    expect(failure.details).toMatchObject({ digest: other.rawDigest, firstDifferingPage: 0, host: 'arch1' });
    const body = bodyOf(other);
    await failureFrom('conflict', putFile(session, header, body));
    expect(body.takenBytes).toBe(0);
    expect(readFileSync(host.directory.walFile(nameOf(1))).equals(form.stored)).toBe(true);
    expect(readdirSync(host.directory.quarantineDirectory)).toHaveLength(1);
  });

  test('and is given up while the archive looks leaves nothing', async () => {
    const host = await TestHost.open();
    const { session, channel } = await connect(host);
    const form = await segment(nameOf(1));
    const looked = gate();
    const compare = host.store.compareDigest.bind(host.store);
    host.store.compareDigest = async (...args) => {
      await looked.passed;
      return await compare(...args);
    };
    const id = session.begin({ receive: () => undefined, fail: () => undefined });
    session.send({ ...headerOf(form, { digest: form.rawDigest }), type: 'put', id });
    session.send({ type: 'abort', id });
    // Its answer comes after the abort was dealt with.
    await failureFrom('bad_name', putFile(session, { ...headerOf(form), name: 'x' }, bodyOf(form)));
    looked.open();
    const other = await segment(nameOf(2));
    await putFile(session, headerOf(other), bodyOf(other));
    await waitFor(() => names(host).length === 1, { what: 'the part to go' });
    expect(names(host)).toEqual([nameOf(2)]);
    session.close();
    await channel.served.catch(() => undefined);
  });
});

describe('files of one session', () => {
  test('are published in the order of their names, whatever order they come and end in', async () => {
    const all = ['00000002.history', nameOf(1), nameOf(2), nameOf(3), `${nameOf(3)}.partial`];
    const forms = await Promise.all(
      all.map(async (name) => (name.endsWith('.history') ? plain(name, '1\t0/1\tx\n') : await segment(name))),
    );
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(forms, { minLength: forms.length }), async (shuffled) => {
        const host = await TestHost.open();
        const { session } = await connect(host);
        await Promise.all(shuffled.map((form) => putFile(session, headerOf(form), bodyOf(form))));
        expect(host.published).toEqual(all);
        session.close();
      }),
      { numRuns: 8 },
    );
  });

  test('wait for an earlier one although their bodies are whole', async () => {
    const host = await TestHost.open();
    const connected = await connect(host);
    const first = await manualPut(connected, nameOf(1));
    const second = await manualPut(connected, nameOf(2));
    first.header();
    second.header();
    second.body();
    second.end();
    first.body();
    // The host has read all of the above when it answers this.
    await failureFrom(
      'bad_name',
      putFile(
        connected.session,
        { ...headerOf(await segment(nameOf(9))), name: 'x' },
        bodyOf(await segment(nameOf(9))),
      ),
    );
    expect(names(host).filter((name) => !name.startsWith('.'))).toEqual([]);
    first.end();
    expect([await first.outcome, await second.outcome]).toEqual(['new', 'new']);
    expect(host.published).toEqual([nameOf(1), nameOf(2)]);
  });

  test('fail when an earlier one does, and none of them is published', async () => {
    const host = await TestHost.open();
    const connected = await connect(host);
    const puts = await Promise.all([1, 2, 3].map((number) => manualPut(connected, nameOf(number))));
    for (const put of puts) put.header();
    for (const put of puts.slice(1)) {
      put.body();
      put.end();
    }
    puts[0]?.abort();
    expect(await Promise.all(puts.slice(1).map((put) => put.outcome))).toEqual([
      'predecessor_failed',
      'predecessor_failed',
    ]);
    await waitFor(() => names(host).length === 0, { what: 'the parts to go' });
    expect(host.published).toEqual([]);
  });

  test('do not wait for later ones', async () => {
    const host = await TestHost.open();
    const connected = await connect(host);
    const [first, second] = [await manualPut(connected, nameOf(1)), await manualPut(connected, nameOf(2))];
    second.header();
    first.header();
    first.body();
    first.end();
    expect(await first.outcome).toBe('new');
    expect(names(host)).toContain(nameOf(1));
    second.abort();
  });

  test('go on after one that is refused, when they come before it', async () => {
    const host = await TestHost.open();
    const { session } = await connect(host);
    const [good, bad] = [await segment(nameOf(1)), await segment(nameOf(2), { pageAddress: 0n })];
    const results = await Promise.allSettled([bad, good].map((form) => putFile(session, headerOf(form), bodyOf(form))));
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect(host.published).toEqual([nameOf(1)]);
  });

  test('are at most 64 at a time', async () => {
    const host = await TestHost.open();
    const { session, channel } = await connect(host);
    const form = await segment(nameOf(1));
    const answers = Array.from({ length: 65 }, (_, number) => {
      return new Promise<string>((resolve) => {
        const id = session.begin({ receive: ({ type }) => resolve(type), fail: ({ code }) => resolve(code) });
        session.send({ ...headerOf(form), name: nameOf(number + 1), type: 'put', id });
      });
    });
    expect(await answers.at(-1)).toBe('protocol');
    session.close();
    await channel.served.catch(() => undefined);
    expect(names(host)).toEqual([]);
  });
});

describe('a body that was asked for', () => {
  /** A put whose body the host refuses while the connection does not move. */
  const refusedHalfway = async () => {
    const host = await TestHost.open();
    const { session, channel } = await connect(host);
    const form = plain(nameOf(1), 'x');
    let releases = 0;
    const body = { ...bodyOf(form), released: () => void (releases += 1) };
    const put = putFile(session, { ...headerOf(form), name: 'x' }, body);
    channel.stream.cork();
    await failureFrom('bad_name', put);
    return { session, channel, releases: () => releases };
  };

  test('is released once, when all of it was written', async () => {
    const { session } = await connect(await TestHost.open());
    const form = await segment(nameOf(1));
    let releases = 0;
    await putFile(session, headerOf(form), { ...bodyOf(form), released: () => void (releases += 1) });
    expect(releases).toBe(1);
  });

  test('is not released while some of it waits to be written, whatever the host has answered', async () => {
    const { channel, releases } = await refusedHalfway();
    expect(releases()).toBe(0);
    channel.stream.uncork();
    await waitFor(() => releases() === 1, { what: 'the body to be released' });
  });

  test('is never released by a session that breaks off before', async () => {
    const { session, channel, releases } = await refusedHalfway();
    channel.stream.destroy();
    await session.closed;
    await new Promise((resolve) => setImmediate(resolve));
    expect(releases()).toBe(0);
  });
});

describe('a client that is gone', () => {
  test('in the middle of a body leaves no name and no part, and the host ends', async () => {
    const host = await TestHost.open();
    const { session, channel } = await connect(host);
    const form = await segment(nameOf(1));
    const half = gate();
    const put = putFile(session, headerOf(form), bodyOf(form, half.passed));
    await waitFor(() => host.store.options.activity.count > 3, { what: 'the first half to arrive' });
    channel.stream.destroy();
    half.open();
    await failureFrom('host_unreachable', put);
    await channel.served.catch(() => undefined);
    expect(names(host)).toEqual([]);
  });

  test('after a whole body still gets its file stored', async () => {
    const host = await TestHost.open();
    const connected = await connect(host);
    const put = await manualPut(connected, nameOf(1));
    put.header();
    put.body();
    put.end();
    connected.channel.stream.end();
    await connected.channel.served;
    expect(names(host)).toEqual([nameOf(1)]);
  });

  test('while a whole file waits for an unfinished one before it leaves neither, and the host ends', async () => {
    const host = await TestHost.open();
    const connected = await connect(host);
    const [first, second] = [await manualPut(connected, nameOf(1)), await manualPut(connected, nameOf(2))];
    first.header();
    second.header();
    second.body();
    second.end();
    first.body();
    connected.channel.stream.end();
    await connected.channel.served;
    expect(names(host)).toEqual([]);
    expect(host.published).toEqual([]);
  });
});

test('a failure of the session reaches every put that is under way, and those that come later', async () => {
  const host = await TestHost.open();
  const { session, channel } = await connect(host);
  const forms = await Promise.all([1, 2, 3].map((number) => segment(nameOf(number))));
  const closed = gate();
  const puts = forms.map((form) => putFile(session, headerOf(form), bodyOf(form, closed.passed)));
  const settled = Promise.allSettled(puts);
  channel.far.destroy();
  closed.open();
  for (const result of await settled) {
    expect(result.status === 'rejected' && result.reason instanceof Failure && result.reason.code).toBe(
      'host_unreachable',
    );
  }
  await failureFrom(
    'host_unreachable',
    session.closed.then((failure) => Promise.reject(failure)),
  );
  const [form] = forms;
  if (form !== undefined) await failureFrom('host_unreachable', putFile(session, headerOf(form), bodyOf(form)));
});
