/**
 * npm runs this after `npm ci` and `npm install` in a checkout, before `npm pack`, and when the package is installed
 * from git: a built project, without a command more. Where devDependencies were left out there is nothing to build with,
 * and nothing is done.
 */
import { execSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const tools = ['rolldown', 'typescript'];
const installed = tools.every((name) =>
  existsSync(new URL(`../node_modules/${name}`, import.meta.url)),
);
if (installed) execSync('npm run --silent build', { stdio: 'inherit' });
