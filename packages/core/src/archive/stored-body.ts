import { Failure } from '../base/failure.ts';
import type { RateLimit } from '../base/rate-limit.ts';
import { Fingerprint } from '../codec/fingerprint.ts';
import type { PutBody, PutSummary } from '../hosts/put.ts';
import type { ArchiveFile } from '../wal/archive-file.ts';
import { giveSentRing, type SentRing, takeSentRing } from './sent-ring.ts';
import type { WalStore } from './wal-store.ts';

/** The body of a file that is stored here, byte for byte, for a put to the peer, at the rate that it may have. */
export function storedBody(store: WalStore, file: ArchiveFile, rate?: RateLimit): PutBody {
  let summary: PutSummary | undefined;
  const rings: SentRing[] = [];
  return {
    async *bursts() {
      const stored = await store.openStored(file.name);
      if (stored === undefined) throw new Failure('not_found', `${file.name} is no longer stored here`);
      const fingerprint = new Fingerprint();
      let sizeBytes = 0;
      const ring = takeSentRing();
      rings.push(ring);
      try {
        for await (const chunk of stored.chunksAhead(ring)) {
          fingerprint.update(chunk);
          sizeBytes += chunk.length;
          await rate?.take(chunk.length);
          yield [chunk];
        }
      } finally {
        await stored.close();
      }
      summary = { sizeBytes, fingerprint: fingerprint.text() };
    },
    summary() {
      if (summary === undefined) throw new Error('summary asked for before the body ended');
      return summary;
    },
    released() {
      const ring = rings.shift();
      if (ring !== undefined) giveSentRing(ring);
    },
  };
}
