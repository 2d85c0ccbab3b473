/**
 * @module
 * A program at the top level of a module, as users write them; run by site.test.ts in a process of its own.
 */
import {
  assemble,
  type Code,
  callSite,
  describeFrame,
  exit,
  mov,
  ownFrames,
  r0,
  r6,
  r10,
} from '../../src/asm/index.ts';
import { twice } from './site-macros.ts';

const program = (body: Code) => ({ body, site: callSite(program) });
const { body, site } = program([
  twice(r6), // line 21
  mov(r0, 1), // line 22
  exit(),
]);
const { instructions } = assemble(body, () => true);
const own = instructions.slice(0, 2).map((each) => ownFrames(each.site, site).map(describeFrame));
let message = '';
try {
  mov(r10, 1); // line 29
} catch (error) {
  message = (error as Error).message;
}
console.log(JSON.stringify({ own, message }));
