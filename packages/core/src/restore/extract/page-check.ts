import type { Lsn } from '../../wal/lsn.ts';
import type { ControlFile } from './control-file.ts';
import type { BadPage, PageFindings } from './extraction.ts';
import { pageBytes, pageChecksum, pageWords } from './page-checksum.ts';

/** Of a page header, by word: pd_lsn is 0 and 1, higher half first; pd_checksum the lower half of 2, pd_upper the upper of 3. */
const lsnHigh = 0;
const lsnLow = 1;
const checksumWord = 2;
const lowerUpperWord = 3;

const mostListed = 100;

/**
 * Files whose pages have checksums: main forks and others of relations, not temporary ones, in the directories where the server
 * keeps them. With the number of the file, which is the first one's when there is none.
 */
const relationFile =
  /^(?:base\/[0-9]+|global|pg_tblspc\/[0-9]+\/PG_[0-9]+_[0-9]+\/[0-9]+)\/[0-9]+(?:_(?:fsm|vm|init))?(?:\.([0-9]+))?$/;

/**
 * Compares the page checksums of data files that are given to it piece by piece, as pg_basebackup does for the server's: pages that
 * were never used have none, and those that are newer than the backup's start may be torn, which replay mends.
 */
export class PageCheck {
  /** The halves of the start of the backup, as pages have theirs. */
  private readonly startHigh: number;
  private readonly startLow: number;
  private readonly control: ControlFile;
  private readonly bad: BadPage[] = [];
  private checkedCount = 0;
  private newCount = 0;
  private recentCount = 0;
  private badCount = 0;

  constructor(startLsn: Lsn, control: ControlFile) {
    this.startHigh = Number(startLsn >> 32n);
    this.startLow = Number(startLsn & 0xffff_ffffn);
    this.control = control;
  }

  /** Content of the file `path`, from `offset` on, a multiple of a page. What comes after the last whole page is not looked at. */
  take(path: string, offset: number, bytes: Buffer): void {
    const [isRelation, segment = '0'] = relationFile.exec(path) ?? [];
    if (isRelation === undefined) return;
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / pageBytes) * pageWords);
    const first = Number(segment) * this.control.segmentBlocks + offset / pageBytes;
    for (let at = 0; at < words.length; at += pageWords) this.check(path, words, at, first + at / pageWords);
  }

  findings(): PageFindings {
    const { checkedCount, newCount, recentCount, badCount, bad } = this;
    return { checkedCount, newCount, recentCount, badCount, bad };
  }

  private check(file: string, words: Int32Array, at: number, block: number): void {
    // PageIsNew of bufpage.h: pd_upper is 0.
    if ((words[at + lowerUpperWord] as number) >>> 16 === 0) {
      this.newCount += 1;
      return;
    }
    if (this.isRecent(words, at)) {
      this.recentCount += 1;
      return;
    }
    this.checkedCount += 1;
    if (((words[at + checksumWord] as number) & 0xffff) === pageChecksum(words, at, block)) return;
    this.badCount += 1;
    if (this.bad.length < mostListed) this.bad.push({ file, block });
  }

  private isRecent(words: Int32Array, at: number): boolean {
    const high = (words[at + lsnHigh] as number) >>> 0;
    const low = (words[at + lsnLow] as number) >>> 0;
    return high > this.startHigh || (high === this.startHigh && low >= this.startLow);
  }
}
