/**
 * The checks, on the kernel that they run on: one line of JSON for each. Bundled into one file, beside which lie the
 * package, the object files and whatever else they need.
 */
import { release } from 'node:os';
import { toolNames } from '../../../src/cli/tools.ts';
import { checkAttaching } from './attaching.ts';
import { type Group, say } from './check.ts';
import { checkFeatures } from './features.ts';
import { insertModules } from './modules.ts';
import { checkObjects } from './objects.ts';
import { checkProbingTools } from './probing-tools.ts';
import { checkTools } from './tools.ts';

const [place, ...groups] = process.argv.slice(2);
/** The machine is there for the checks alone. */
const isOwn = place === 'machine';

const GROUPS: Readonly<Record<Group, () => Promise<void>>> = {
  tools: () => checkTools().then(checkProbingTools),
  attaching: () => checkAttaching(isOwn),
  features: () => checkFeatures(isOwn),
  objects: () => checkObjects(toolNames()),
};

say({ kernel: release(), architecture: process.arch });
// Before anybody asks for their types.
if (isOwn) insertModules();
for (const [group, run] of Object.entries(GROUPS))
  if (groups.length === 0 || groups.includes(group)) await run();
say({ done: true });
process.exit(0);
