/**
 * npm runs this after `npm ci` and `npm install` in a checkout, before `npm pack`, and when the package is installed
 * from git: a built project, without a command more. Where devDependencies were left out there is nothing to build with,
 * and nothing is done.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const tools = ['rolldown', 'typescript'];
const installed = tools.every((name) =>
  existsSync(new URL(`../node_modules/${name}`, import.meta.url)),
);

if (installed) {
  // Seventy lines of file sizes are of no interest here, but those of an error are.
  const { status, stdout } = spawnSync('npm run --silent build', {
    shell: true,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) process.stdout.write(stdout);
  process.exitCode = status ?? 1;
}
