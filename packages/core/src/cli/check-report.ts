/** One thing that a check looked at. `note`: could not be looked at, or should be known; it fails nothing. */
export interface Finding {
  verdict: 'ok' | 'note' | 'problem';
  what: string;
  /** What to do about it: a full sentence. */
  advice?: string;
}

export function ok(what: string): Finding {
  return { verdict: 'ok', what };
}

export function note(what: string, advice?: string): Finding {
  return advice === undefined ? { verdict: 'note', what } : { verdict: 'note', what, advice };
}

export function problem(what: string, advice?: string): Finding {
  return advice === undefined ? { verdict: 'problem', what } : { verdict: 'problem', what, advice };
}

const marks: Record<Finding['verdict'], string> = { ok: 'ok      ', note: 'note    ', problem: 'PROBLEM ' };

/** Findings as lines for a person, each with its advice below it, and a last line that counts the problems. */
export function formatFindings(findings: readonly Finding[]): string {
  const lines = findings.flatMap(({ verdict, what, advice }) => {
    const line = `${marks[verdict]}${what}`;
    return advice === undefined ? [line] : [line, `          ${advice}`];
  });
  const problems = findings.filter(({ verdict }) => verdict === 'problem').length;
  const last = problems === 0 ? 'all is well' : `${problems} problem${problems === 1 ? '' : 's'} to put right`;
  return `${[...lines, last].join('\n')}\n`;
}
