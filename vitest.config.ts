import { defineConfig } from 'vitest/config';

/** What the runtime and the bundler do by `with { type: 'text' }`. */
const sqlAsText = {
  name: 'sql-as-text',
  transform: (code: string, id: string) =>
    id.endsWith('.sql') ? `export default ${JSON.stringify(code)};` : undefined,
};

export default defineConfig({
  plugins: [sqlAsText],
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
          include: ['test/e2e/**/*.test.ts', 'test/faults/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // The stand's hosts share two cores: one file at a time keeps their deadlines honest.
          fileParallelism: false,
        },
      },
    ],
  },
});
