/** exitsnoop, attached until it is killed: run by leaks.test.ts. */
import { loadObject } from '../../src/kernel/index.ts';
import { exitsnoop } from '../../src/programs/exitsnoop.ts';
import { defaults } from '../../src/programs/tool.ts';

const tool = loadObject(exitsnoop.object(defaults(exitsnoop.options) as never));
tool.attach();
console.log('attached');
tool.maps.events.each(() => {});
