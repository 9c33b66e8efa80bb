import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 60_000,
    retry: 0,
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: 'program',
          include: ['test/**/*.test.ts'],
          exclude: ['test/rules/**'],
          // One private PostgreSQL for the whole run; each file gets a database of its own.
          globalSetup: ['test/stores-setup.ts'],
        },
      },
      // What `npm run check` runs too: they read the sources and need no stores.
      { extends: true, test: { name: 'rules', include: ['test/rules/**/*.test.ts'] } },
    ],
  },
});
