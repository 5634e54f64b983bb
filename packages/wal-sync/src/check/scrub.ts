import type { Catalog } from '@archive2/core/protocol/catalog-text.ts';
import type { ArchiveFileName } from '@archive2/core/wal/archive-file.ts';
import type { Comparison } from '../compare/compare-catalogs.ts';
import type { SyncRun } from '../sync-run.ts';
import { checkPairs } from './check-pairs.ts';
import { readScrubMemory, type ScrubMemory, saveScrubMemory } from './scrub-file.ts';
import { advance, filesDue, nextSlice } from './scrub-slice.ts';

/** Read between two times that the state is saved: what a kill costs. */
const savedEveryFiles = 128;

/**
 * Compares the contents of what both hosts hold: all of it with --checksum, else what is suspicious, what is owed, what an earlier run
 * left unsettled, and the slice of the rotation that is due. Returns the names that are known to be equal now.
 */
export async function checkContents(
  run: SyncRun,
  here: Catalog,
  there: Catalog,
  comparison: Comparison,
): Promise<ReadonlySet<ArchiveFileName>> {
  const memory = await readScrubMemory(run.store.directory);
  const check = new ContentCheck(run, here, there, comparison, memory);
  await (run.checksum ? check.everything() : check.whatIsDue());
  await check.save();
  return check.equal;
}

class ContentCheck {
  readonly equal = new Set<ArchiveFileName>();
  private readonly run: SyncRun;
  private readonly here: Catalog;
  private readonly there: Catalog;
  private readonly common: number;
  /** Stored forms that differ in size, as scrub.json remembers them. */
  private readonly forms: ReadonlyMap<ArchiveFileName, string>;
  private readonly memory: ScrubMemory;
  private readonly nowMs: number;

  constructor(run: SyncRun, here: Catalog, there: Catalog, { otherSize, common }: Comparison, memory: ScrubMemory) {
    this.run = run;
    this.here = here;
    this.there = there;
    this.common = common;
    this.forms = new Map(otherSize.map((name) => [name, `${here.stored.get(name)}/${there.stored.get(name)}`]));
    this.memory = memory;
    this.nowMs = run.clock.nowMs();
    // A clock that was in the future once must not stop the rotation until it is there again.
    if (memory.state === undefined || memory.state.atMs > this.nowMs) {
      memory.state = { position: memory.state?.position ?? '', atMs: this.nowMs };
    }
  }

  async everything(): Promise<void> {
    await this.check(this.common === 0 ? [] : this.sortedNames());
    this.memory.state = { position: '', atMs: this.nowMs };
  }

  async whatIsDue(): Promise<void> {
    const { here, there, memory } = this;
    const suspicious = [...this.forms].filter(([name, form]) => memory.otherForms.get(name) !== form);
    const wanted = [...suspicious.map(([name]) => name), ...here.owed, ...there.owed, ...memory.unsettled];
    await this.check(wanted.filter((name) => this.areBothThere(name)));
    const begun = memory.state;
    const due = this.run.dryRun ? 0 : filesDue(begun, this.common, this.run.scrubDays, this.nowMs);
    if (due === 0 || begun === undefined) return;
    const slice = nextSlice(this.sortedNames(), begun.position, due);
    for (let at = 0; at < slice.length; at += savedEveryFiles) {
      const part = slice.slice(at, at + savedEveryFiles);
      await this.check(part);
      memory.state = advance(begun, part.at(-1) ?? begun.position, at + part.length, slice.length, this.nowMs);
      await this.save();
    }
  }

  /** What the next run should know, if anything has changed. */
  async save(): Promise<void> {
    if (this.run.dryRun) return;
    const { memory, forms, equal } = this;
    const { report } = this.run;
    memory.otherForms = new Map(
      [...forms].filter(([name, form]) => equal.has(name) || memory.otherForms.get(name) === form),
    );
    memory.unsettled = new Set([...report.damaged, ...report.conflicts, ...report.failed].map(({ name }) => name));
    await saveScrubMemory(this.run.store.directory, memory, this.nowMs);
  }

  private async check(names: Iterable<ArchiveFileName>): Promise<void> {
    const unread = [...new Set(names)].filter((name) => !this.equal.has(name) && !this.isUnsettled(name));
    for (const name of await checkPairs(this.run, unread)) this.equal.add(name);
  }

  /** Found in this run, so no second look would find anything else. */
  private isUnsettled(name: ArchiveFileName): boolean {
    const { damaged, conflicts, failed } = this.run.report;
    return [...damaged, ...conflicts, ...failed].some((file) => file.name === name);
  }

  private areBothThere(name: ArchiveFileName): boolean {
    return this.here.stored.has(name) && this.there.stored.has(name);
  }

  private sortedNames(): ArchiveFileName[] {
    return [...this.here.stored.keys()].filter((name) => this.areBothThere(name)).sort();
  }
}
