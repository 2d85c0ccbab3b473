/**
 * Runs the benchmarks, each in a process of its own and bundled as users get it: `npm run bench [NAME...] [-- --once]`.
 * With `--once` each does as little as it can: for CI, so that benchmarks do not rot.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const directory = fileURLToPath(new URL('.', import.meta.url));
const HELPERS = new Set(['main', 'report']);

const all = readdirSync(directory)
  .filter((file) => /^[a-z-]+\.ts$/.test(file))
  .map((file) => file.replace(/\.ts$/, ''))
  .filter((name) => !HELPERS.has(name));
const args = process.argv.slice(2);
const once = args.includes('--once');
const wanted = args.filter((arg) => !arg.startsWith('--'));
const unknown = wanted.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`there is no benchmark ${unknown.join(', ')}: ${all.join(', ')}`);
  process.exit(2);
}

let failed = 0;
for (const name of wanted.length > 0 ? wanted : all) {
  console.log(`\n== ${name}`);
  // Beside its source, so that files next to it are found from either.
  const built = `${directory}${name}.built.mjs`;
  try {
    const bundle = await rolldown({
      input: `${directory}${name}.ts`,
      platform: 'node',
      external: ['koffi', /^node:/],
      transform: { target: 'node20' },
    });
    await bundle.write({ file: built, format: 'esm', codeSplitting: false });
    const environment = { ...process.env, ...(once ? { BENCH_ONCE: '1' } : {}) };
    const { status } = spawnSync(process.execPath, [built], { stdio: 'inherit', env: environment });
    if (status !== 0) failed++;
  } finally {
    rmSync(built, { force: true });
  }
}
process.exitCode = failed === 0 ? 0 : 1;
