import { runSuite } from './suite/run-suite.ts';

/** `npm run bench`: see README.md beside this file. */
process.exitCode = await runSuite(process.argv.slice(2), []);
