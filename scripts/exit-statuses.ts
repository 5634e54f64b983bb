/**
 * Writes docs/exit-statuses.md: the table of all failures, and what the commands' statuses mean to PostgreSQL.
 *
 * The failures come from the one table that the commands end by; `--check` fails when the written file is not what this
 * program would write.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type FailureCode, failureTable } from '../packages/core/src/base/failure-table.ts';

const path = 'docs/exit-statuses.md';
const file = join(import.meta.dirname, '..', path);

type Row = readonly string[];

function table(head: Row, rows: readonly Row[]): string {
  const line = (cells: Row) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** A table's cell: a bar would end it. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function failureRows(): Row[] {
  const codes = Object.keys(failureTable) as FailureCode[];
  return codes
    .map((code) => ({ code, ...failureTable[code] }))
    .sort((a, b) => a.exit - b.exit)
    .map(({ code, exit, meaning, retryable }) => [`${exit}`, `\`${code}\``, cell(meaning), retryable ? 'yes' : 'no']);
}

const archiveCommand: Row[] = [
  [
    '0',
    'the file is durable on `--min-copies` archive hosts',
    'marks the segment as done and recycles or removes it at the next checkpoint',
  ],
  [
    '1 to 125',
    'the file is not confirmed; the status is one of the table above',
    'logs it, counts it in `pg_stat_archiver.failed_count` and keeps the segment. It tries three times a second apart, then ' +
      'again within a minute, for as long as it takes',
  ],
  [
    '126 and above, or a signal',
    'never chosen by `archive_cmd`: the shell did not find or could not run it (127, 126), or somebody killed it',
    'the archiver process ends and is started again. The segment is kept, but the failure is not counted in ' +
      '`pg_stat_archiver`',
  ],
];

const restoreCommand: Row[] = [
  ['0', 'the file is at `%p`, complete and verified', 'replays it', 'replays it', 'pg_rewind goes on'],
  [
    '1',
    'absent: every host said that it does not have the file. On a standby also "not known", and "younger than the delay"',
    'tries pg_wal and streaming, then asks again',
    'takes it as the end of WAL: without a recovery target it opens the database',
    'pg_rewind gives up',
  ],
  [
    '126',
    'not known: a host could not be asked, its copy is damaged and no other is good, the segment is a hole, or the call ' +
      'itself is wrong. Never on a standby',
    '(not used)',
    'stops with a FATAL error and does not open the database',
    'pg_rewind gives up',
  ],
  [
    'SIGTERM',
    'PostgreSQL is shutting down and ended the command',
    'ends as asked',
    'ends as asked',
    '(it is not PostgreSQL that ends it)',
  ],
];

const remoteCommand: Row[] = [
  [
    '`serve`',
    'the client ended the session',
    'the session could not begin, or broke; the client was told the same failure',
  ],
  ['`init`', 'the cluster directory is ready (also when it was before)', 'nothing useful was made'],
  ['`pay`', 'nothing is owed any more, or another payer is at work', '15: debts are left that a person must settle'],
  ['`conflict`', 'done', 'nothing was changed'],
];

const statusCheck: Row[] = [
  ['0', 'OK: everything that was to be known is known, and is well'],
  ['1', 'WARNING'],
  ['2', 'CRITICAL'],
  [
    '3',
    'UNKNOWN: something could not be asked; also wrong usage, a missing or empty configuration, an error nobody foresaw, and `--help`',
  ],
];

function render(): string {
  return `# Exit statuses

<!-- Written by scripts/exit-statuses.ts from packages/core/src/base/failure-table.ts. Do not edit. -->

Every failure has a code and a status. The code stands in the message (\`error: … code=disk_full\`) and crosses the
session between the hosts; the status is what the command ends with. "Again" says whether the same call can succeed
later without anybody changing anything.

${table(['Status', 'Code', 'Meaning', 'Again'], failureRows())}

Status 1 is not in the table: it is what a shell or a runtime may end with by itself, and what \`restore_cmd\` says for
"absent". \`archive_cmd check\` and \`restore_cmd check\` end with 0 or ${failureTable.check_failed.exit}.

## archive_cmd, to PostgreSQL

${table(['Status', 'Meaning', 'What PostgreSQL does'], archiveCommand)}

WAL is never dropped because of a failure: what is not confirmed stays in pg_wal until it is. When pg_wal fills the disk,
PostgreSQL stops; watch \`pg_stat_archiver\` and the free space.

## restore_cmd, to PostgreSQL

PostgreSQL reads every status from 1 to 125 as "no such file". On a standby that is harmless. In a recovery it means the
end of WAL, so there \`restore_cmd\` says 1 only when it is known to be true. Which of the three it is, it sees at each call in
the working directory: \`standby.signal\` is a standby, else \`recovery.signal\` is a recovery, else it is somewhere else.

${table(['Status', 'Meaning', 'On a standby PostgreSQL', 'In a recovery PostgreSQL', 'Elsewhere'], restoreCommand)}

Before 126, a recovery asks again for \`--unavailable-timeout\` (300 s). \`--on-unavailable\` changes that: \`retry\` asks for ever,
\`abort\` says 126 at once, \`end\` says 1, which ends the recovery with what could be reached.

## archive_remote_cmd

${table(['Form', '0', 'Otherwise a status of the first table'], remoteCommand)}

## archive-status check

A monitoring plugin, so none of the first table. What is not known is never 0.

${table(['Status', 'Meaning'], statusCheck)}

The other forms of \`archive-status\` end with 0, or a status of the first table.
`;
}

const text = render();
if (process.argv.includes('--check')) {
  let written = '';
  try {
    written = readFileSync(file, 'utf8');
  } catch {
    // A file that is not there differs too.
  }
  if (written !== text) {
    console.error(
      `${path} is not what scripts/exit-statuses.ts writes: run "node --import tsx scripts/exit-statuses.ts"`,
    );
    process.exitCode = 1;
  }
} else {
  writeFileSync(file, text);
}
