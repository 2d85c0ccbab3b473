/** Where a kernel computes something else than the instruction set says, which our engines follow. */
import { describe, expect, it } from 'vitest';
import {
  add,
  call,
  cmpxchg,
  exit,
  fetchAdd,
  fn,
  jeq,
  label,
  load,
  lsh,
  mov,
  r0,
  r1,
  r3,
  r10,
  rsh,
  stack,
  store,
  struct,
  tc,
  u32,
  u64,
  w0,
  w2,
} from '../../src/index.ts';
import { ENGINES, simulateOn } from './engines.ts';

const SocketBuffer = struct('__sk_buff', { len: u32 });

describe.each(ENGINES)('%s', (engine) => {
  /**
   * Found by a random program. x86's cmpxchg leaves rax alone when it exchanges, so the verifier has to add a zero
   * extension; that of Linux 6.18 does not where the values of r0 on two ways are not told apart, and 1 comes out there.
   */
  it('clears the upper half of r0 when a cmpxchg of 32 bits exchanges', () => {
    const slot = stack(u32);
    const [exchange, out] = [label('exchange'), label('out')];
    const { program } = simulateOn(engine)(
      tc([
        load(w2, SocketBuffer.at(r1).len),
        store(slot, 0),
        mov(r0, 1),
        lsh(r0, 63),
        jeq(w2, 77, exchange),
        mov(w2, 2),
        jeq(w2, 2, out),
        exchange,
        cmpxchg(slot, w0),
        out,
        rsh(r0, 63),
        exit(),
      ]),
    ).programs;
    expect(program.run(new Uint8Array(77)).returnValue).toBe(0);
    expect(program.run(new Uint8Array(64)).returnValue).toBe(1);
  });

  /**
   * Found by a random program. Of a number plus an address of the stack the verifier of Linux 6.18 forgets in which
   * frame that is: it takes what the first function has there for what is loaded, drops the way that it does not need
   * then, and 1 comes out.
   */
  it('adds an address of the stack to a number', () => {
    const other = fn('other', 0, [
      [store(u64.at(r10, -8), 2), mov(r1, 0), add(r1, r10), load(r0, u64.at(r1, -8)), exit()],
    ]);
    const two = label('two');
    const { program } = simulateOn(engine)(
      tc([
        [store(u64.at(r10, -8), 1), call(other), jeq(r0, 2, two)],
        [mov(r0, 1), exit(), two, mov(r0, 2), exit()],
      ]),
    ).programs;
    expect(program.run().returnValue).toBe(2);
  });

  /**
   * Found by a random program. The verifier of Linux 6.18 does not mark what is fetched from the stack as needed:
   * so it takes the second way to the fetch for one that it has seen, with 0 in the slot, and 0 comes out on both.
   */
  it('fetches from the stack what each way has stored there', () => {
    const slot = stack(u64);
    const [five, on, out] = [label('five'), label('on'), label('out')];
    const { program } = simulateOn(engine)(
      tc([
        [load(w2, SocketBuffer.at(r1).len), mov(r0, 0), mov(r1, 1), jeq(w2, 77, five)],
        // It compares ways only every eight instructions and two jumps.
        [store(slot, 0), mov(r3, 1), mov(r3, 2), mov(r3, 3), mov(r3, 4), jeq(r3, 4, on)],
        [five, store(slot, 5)],
        [on, fetchAdd(slot, r1), jeq(r1, 0, out), mov(r0, 5), out, exit()],
      ]),
    ).programs;
    expect(program.run(new Uint8Array(77)).returnValue).toBe(5);
    expect(program.run(new Uint8Array(64)).returnValue).toBe(0);
  });
});
