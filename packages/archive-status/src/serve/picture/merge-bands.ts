import { type Band, bandKinds } from './picture.ts';

/**
 * Bands in the order in which they are drawn, those of a kind joined where less than `gapMs` is between them: what is narrower than
 * a line cannot be seen anyway, and an archive may have thousands. Pure.
 */
export function mergeBands(bands: readonly Band[], gapMs: number): Band[] {
  return bandKinds.flatMap((kind) => {
    const own = bands.filter((band) => band.kind === kind).toSorted((a, b) => a.fromMs - b.fromMs);
    const merged: Band[] = [];
    for (const band of own) {
      const before = merged.at(-1);
      if (before === undefined || band.fromMs - before.toMs > gapMs) merged.push(band);
      else merged[merged.length - 1] = join(before, band);
    }
    return merged;
  });
}

function join(before: Band, band: Band): Band {
  const what = before.what.endsWith(' and more') || before.what === band.what ? before.what : `${before.what} and more`;
  return { kind: before.kind, fromMs: before.fromMs, toMs: Math.max(before.toMs, band.toMs), what };
}
