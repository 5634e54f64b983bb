import { Failure } from '../base/failure.ts';
import { Fingerprint } from '../codec/fingerprint.ts';
import { type Catalog, CatalogReader } from '../protocol/catalog-text.ts';
import type { Answer, ArchiveSession, Conversation } from './archive-session.ts';

/** Asks a host for its whole catalog. Throws Failure `protocol` for one that is broken or not complete. For the right `sync`. */
export async function requestCatalog(session: ArchiveSession): Promise<Catalog> {
  const arrival = new CatalogArrival();
  const id = session.begin(arrival);
  try {
    session.send({ type: 'catalog', id });
    return await arrival.catalog;
  } finally {
    session.finish(id);
  }
}

class CatalogArrival implements Conversation {
  readonly catalog: Promise<Catalog>;
  private readonly reader = new CatalogReader();
  private readonly fingerprint = new Fingerprint();
  private sizeBytes = 0;
  private resolve: (catalog: Catalog) => void = () => undefined;
  private reject: (failure: unknown) => void = () => undefined;

  constructor() {
    this.catalog = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  receive(message: Answer, body: Buffer): void {
    try {
      if (message.type === 'data') this.take(body);
      else if (message.type === 'end') this.complete(message.sizeBytes, message.fingerprint);
      else throw new Failure('protocol', `unexpected answer ${message.type} to a catalog`);
    } catch (error) {
      this.reject(error);
    }
  }

  fail(failure: Failure): void {
    this.reject(failure);
  }

  private take(body: Buffer): void {
    this.fingerprint.update(body);
    this.sizeBytes += body.length;
    this.reader.add(body);
  }

  private complete(sizeBytes: number, fingerprint: string): void {
    if (this.sizeBytes !== sizeBytes || this.fingerprint.text() !== fingerprint) {
      throw new Failure('protocol', `the catalog came with ${this.sizeBytes} bytes that are not what was announced`);
    }
    this.resolve(this.reader.catalog);
  }
}
