import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { defineConfig } from 'vitest/config';

/** What the runtime and the bundler do by `with { type: 'text' }`. */
const filesAsText = {
  name: 'files-as-text',
  enforce: 'pre' as const,
  resolveId: (source: string, importer: string | undefined) =>
    importer !== undefined && /\.(sql|css|browser\.mjs)$/.test(source)
      ? `\0text:${resolve(dirname(importer), source)}.js`
      : undefined,
  load: (id: string) =>
    id.startsWith('\0text:')
      ? `export default ${JSON.stringify(readFileSync(id.slice('\0text:'.length, -'.js'.length), 'utf8'))};`
      : undefined,
};

const standTests = ['test/e2e/**/*.test.ts', 'test/faults/**/*.test.ts'];

/** Tests whose waits and deadlines are what they are about: the stand's hosts share two cores, so these run one file at a time. */
const timedTests = [
  'test/e2e/{agent,agent-memory,archive-status*,events,push,restore-agent,restore-answers,restore-delay,stand,survey}.test.ts',
  'test/faults/{disk,network*,process,restore-disk,restore-shutdown,restore-unavailable}.test.ts',
];

/** Which of the stand's tests: `timed`, the others (`untimed`), which can run two files at a time, or all, as at a desk. */
const part = process.env['ARCHIVE2_STAND'];

export default defineConfig({
  plugins: [filesAsText],
  test: {
    // Every wait in a test has its own deadline; these end a test whose deadline logic is itself broken.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // A shared machine can stall one test; it is tried once more there, and reported as such. At a desk nothing is retried.
    retry: process.env['CI'] === undefined ? 0 : 1,
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/unit/**/*.test.ts'] } },
      {
        extends: true,
        test: {
          name: 'stand',
          include: part === 'timed' ? timedTests : standTests,
          exclude: part === 'untimed' ? timedTests : [],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: part === 'untimed',
        },
      },
    ],
  },
});
