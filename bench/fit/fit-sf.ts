/**
 * Fits the figures of the generated city and the speeds of all cities to the records, and writes the two tables:
 *   npx esbuild bench/fit/fit-sf.ts --bundle --platform=node --format=esm --packages=external --outfile=.data/fit.mjs
 *   HEXDISPATCH_DATA=DIR node .data/fit.mjs
 * (from the project's root). Deterministic: the same files give the same bytes.
 */
import { writeFileSync } from 'node:fs';
import { format } from 'prettier';
import { dataPath } from '../../src/sim/city/csv-file.ts';
import { fitOtherCities } from './other-cities-fit.ts';
import { fitSanFrancisco } from './sf-fit.ts';

const NOTE =
  '// Written by bench/fit/fit-sf.ts from the files named below; change the program, not this table.';

async function write(path: string, lines: readonly string[]): Promise<void> {
  const text = await format(lines.join('\n'), {
    parser: 'typescript',
    singleQuote: true,
    printWidth: 110,
    trailingComma: 'all',
  });
  writeFileSync(path, text);
  process.stdout.write(`${path}: ${text.length} bytes\n`);
}

const dataDir = dataPath(process.env.HEXDISPATCH_DATA, '');
const figures = fitSanFrancisco(dataDir);
await write('src/sim/city/sf-figures.ts', [
  NOTE,
  `import type { SfFigures } from './sf-figures-shape.ts';`,
  '',
  '/** A weekday of San Francisco cabs in figures, see SfFigures. */',
  `export const SF_FIGURES: SfFigures = ${JSON.stringify(figures)};`,
]);
await write('src/sim/city/city-speeds.ts', [
  '// Written by bench/fit/fit-sf.ts; change the program, not this table. Sources: nyc-manhattan-requests/taxis-2013-11-18T16',
  '// (152 rides whose end is found in the taxis file), porto-trips-2013-07-01 (999 polylines), beijing-taxi-traces-2008-02-04T18.',
  `import type { CitySpeed } from './city-speed.ts';`,
  '',
  '/** Speeds per recorded city; San Francisco has its own in sf-figures.ts. */',
  `export type CitySpeeds = Readonly<Record<'manhattan-2013' | 'porto-2013' | 'beijing-2008', CitySpeed>>;`,
  '',
  "/** See CitySpeeds. Hours without enough records hold the whole record's speed. */",
  `export const CITY_SPEEDS: CitySpeeds = ${JSON.stringify(fitOtherCities(dataDir, figures.speed))};`,
]);
