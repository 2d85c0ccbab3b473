/**
 * @module
 * The events that were read from a buffer, kept beside it: one matcher takes them out, and the next one wants them too.
 */
import { EventReader } from '../kernel/index.ts';
import { SimulatedPerf, SimulatedRing } from '../sim/index.ts';

const read = new WeakMap<object, unknown[]>();

/** All events of a buffer that matchers have seen so far, oldest first; undefined for what is no buffer. */
export const emittedBy = (buffer: unknown): readonly unknown[] | undefined => {
  const isLive = buffer instanceof EventReader;
  if (!isLive && !(buffer instanceof SimulatedRing) && !(buffer instanceof SimulatedPerf))
    return undefined;
  const events = read.get(buffer) ?? [];
  read.set(buffer, events);
  if (isLive) buffer.drain((event) => events.push(event));
  else events.push(...buffer.read());
  return events;
};
