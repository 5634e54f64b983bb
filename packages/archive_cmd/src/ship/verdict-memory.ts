import { type SourceIdentity, sameSource } from './source-file.ts';

/** More than PostgreSQL can be behind with asking for what was shipped ahead. */
const maxRemembered = 1024;

/**
 * The files that the archive confirmed in this agent's life: by name, and for exactly the file that was shipped. In memory
 * only: after a crash the archive is asked again.
 */
export class VerdictMemory {
  private readonly confirmed = new Map<string, SourceIdentity>();

  remember(name: string, identity: SourceIdentity): void {
    this.confirmed.delete(name);
    this.confirmed.set(name, identity);
    const [oldest] = this.confirmed.keys();
    if (this.confirmed.size > maxRemembered && oldest !== undefined) this.confirmed.delete(oldest);
  }

  /** True only for the very file that was confirmed, as it is now. */
  holds(name: string, identity: SourceIdentity): boolean {
    const remembered = this.confirmed.get(name);
    return remembered !== undefined && sameSource(remembered, identity);
  }

  has(name: string): boolean {
    return this.confirmed.has(name);
  }
}
