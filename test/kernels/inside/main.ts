/**
 * The checks, on the kernel that they run on: one line of JSON for each. Bundled into one file, beside which lie the
 * package, the object files and whatever else they need.
 */
import { release } from 'node:os';
import { toolNames } from '../../../src/cli/tools.ts';
import { say } from './check.ts';
import { checkFeatures } from './features.ts';
import { checkObjects } from './objects.ts';
import { checkTools } from './tools.ts';

const [place] = process.argv.slice(2);

say({ kernel: release(), architecture: process.arch });
await checkTools();
await checkFeatures(place === 'machine');
await checkObjects(toolNames());
say({ done: true });
process.exit(0);
