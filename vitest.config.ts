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
