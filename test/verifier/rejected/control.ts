/** The way that a program takes: loops, jumps, ends, results, subprograms; and instructions that do not exist. */
import {
  add,
  call,
  cgroup,
  cgroupSkb,
  exit,
  fn,
  helper,
  ja,
  jeq,
  jlt,
  jne,
  label,
  lea,
  load,
  mov,
  mul,
  netfilter,
  r0,
  r1,
  r2,
  r6,
  r7,
  r8,
  r10,
  rsh,
  type Subprogram,
  skLookup,
  socketFilter,
  store,
  u64,
} from '../../../src/index.ts';
import { callAhead, counts, done, raw, rejected, unchecked, variables } from './support.ts';

export const endlessLoops = rejected('endless-loop', {
  'a jump to itself': () => {
    const top = label('top');
    return unchecked(
      'socket',
      [
        mov(r0, 0),
        top,
        ja(top), // mistake
        exit(),
      ].slice(0, 3),
    );
  },
  'a loop that changes nothing': () => {
    const top = label('top');
    return socketFilter([
      top,
      mov(r0, 0),
      ja(top), // mistake
    ]);
  },
  'a condition that does not change': () => {
    const top = label('top');
    return socketFilter([
      call(helper.get_prandom_u32),
      mov(r6, r0),
      top,
      mov(r1, 1),
      jne(r6, 7, top), // mistake
      done,
    ]);
  },
  'a counter that is set again at each turn': () => {
    const top = label('top');
    return socketFilter([
      top,
      mov(r6, 0),
      add(r6, 1),
      jlt(r6, 10, top), // mistake
      done,
    ]);
  },
  'waiting for a value to change': () => {
    const top = label('top');
    return socketFilter([
      lea(r6, variables),
      top,
      load(r1, u64.at(r6)),
      jeq(r1, 0, top), // mistake
      done,
    ]);
  },
  'in a subprogram': () => {
    const top = label('top');
    const wait = fn('wait', 1, [
      top,
      mov(r0, 0),
      jne(r1, 0, top), // mistake
      exit(),
    ]);
    return socketFilter([call(helper.get_prandom_u32), call(wait, r0), done]);
  },
});

export const complexity = rejected('complexity', {
  'a counter that goes up to a number that nobody knows': () => {
    const top = label('top');
    return socketFilter([
      call(helper.ktime_get_ns),
      mov(r7, r0),
      mov(r6, 0),
      top,
      add(r6, 1),
      jlt(r6, r7, top), // mistake
      done,
    ]);
  },
  'a loop of a million turns': () => {
    const top = label('top');
    return socketFilter([
      mov(r6, 0),
      top,
      add(r6, 1),
      jlt(r6, 1_000_000, top), // mistake
      done,
    ]);
  },
  'a loop with a branch in it': () => {
    const [top, skip] = [label('top'), label('skip')];
    return socketFilter([
      mov(r6, 0),
      mov(r7, 0),
      top,
      call(helper.get_prandom_u32),
      jeq(r0, 3, skip),
      add(r7, 1),
      skip,
      add(r6, 1),
      jlt(r6, 100_000, top), // mistake
      done,
    ]);
  },
  'a loop in a loop': () => {
    const [outer, inner] = [label('outer'), label('inner')];
    return socketFilter(
      [
        mov(r6, 0),
        outer,
        mov(r7, 0),
        inner,
        mul(r8, 3),
        add(r7, 1),
        jlt(r7, 2000, inner), // mistake
        add(r6, 1),
        jlt(r6, 2000, outer),
        done,
      ].toSpliced(0, 0, mov(r8, 1)),
    );
  },
});

export const unreachable = rejected('unreachable', {
  'behind an end': () =>
    unchecked('socket', [
      mov(r0, 0),
      exit(),
      mov(r0, 1), // mistake
      exit(),
    ]),
  'behind a jump': () => {
    const out = label('out');
    return unchecked('socket', [
      mov(r0, 0),
      ja(out),
      mov(r0, 1), // mistake
      out,
      exit(),
    ]);
  },
  'a loop that nothing enters': () => {
    const [top, out] = [label('top'), label('out')];
    return unchecked('socket', [
      mov(r0, 0),
      ja(out),
      top,
      add(r0, 1), // mistake
      ja(top),
      out,
      exit(),
    ]);
  },
});

export const jumps = rejected('jump-range', {
  'beyond the end': () =>
    unchecked('socket', [
      mov(r0, 0),
      raw({ opcode: 0x05, offset: 100 }), // mistake
      exit(),
    ]),
  'before the start': () =>
    unchecked('socket', [
      mov(r0, 0),
      raw({ opcode: 0x15, offset: -5 }), // mistake
      exit(),
    ]),
  'into a load of 16 bytes': () =>
    unchecked('socket', [
      raw({ opcode: 0x05, offset: 1 }), // mistake
      raw({ opcode: 0x18, dst: 0, imm64: 5n }),
      exit(),
    ]),
  'off the end': () =>
    unchecked('socket', [
      mov(r0, 0), // mistake
    ]),
  'a subprogram off its end': () => {
    const short = fn('short', 0, [
      mov(r0, 0), // mistake
    ]);
    return unchecked('socket', [call(short), exit()], [short]);
  },
  'from one function into another': () =>
    unchecked('socket', [
      callAhead(2),
      raw({ opcode: 0x05, offset: 1 }), // mistake
      exit(),
      mov(r0, 0),
      exit(),
    ]),
  'a call beyond the end': () =>
    unchecked('socket', [
      callAhead(50), // mistake
      mov(r0, 0),
      exit(),
    ]),
});

export const instructions = rejected('invalid-instruction', {
  'an opcode that does not exist': () =>
    unchecked('socket', [
      mov(r0, 0),
      raw({ opcode: 0x8d }), // mistake
      exit(),
    ]),
  'a field that must be 0': () =>
    unchecked('socket', [
      raw({ opcode: 0xb7, src: 3 }), // mistake
      exit(),
    ]),
  'a division by 0': () =>
    unchecked('socket', [
      mov(r0, 1),
      raw({ opcode: 0x37, imm: 0 }), // mistake
      exit(),
    ]),
  'a shift by more than there is': () =>
    unchecked('socket', [
      mov(r0, 1),
      raw({ opcode: 0x67, imm: 64 }), // mistake
      exit(),
    ]),
  'a register that does not exist': () =>
    unchecked('socket', [
      raw({ opcode: 0xb7, dst: 12 }), // mistake
      exit(),
    ]),
  'half a load of 16 bytes': () =>
    unchecked('socket', [
      mov(r0, 0),
      raw({ opcode: 0x18, dst: 1, src: 9, imm64: 0n }), // mistake
      exit(),
    ]),
  'an atomic operation on a byte': () =>
    unchecked('socket', [
      store(u64.at(r10, -8), 0),
      mov(r1, 1),
      raw({ opcode: 0xd3, dst: 10, src: 1, offset: -8, imm: 0 }), // mistake
      done,
    ]),
  'an atomic operation that does not exist': () =>
    unchecked('socket', [
      store(u64.at(r10, -8), 0),
      mov(r1, 1),
      raw({ opcode: 0xdb, dst: 10, src: 1, offset: -8, imm: 0x77 }), // mistake
      done,
    ]),
  'a swap of 24 bits': () =>
    unchecked('socket', [
      mov(r0, 1),
      raw({ opcode: 0xdc, imm: 24 }), // mistake
      exit(),
    ]),
  'a call with fields that must be 0': () =>
    unchecked('socket', [
      raw({ opcode: 0x85, imm: 5, offset: 3 }), // mistake
      exit(),
    ]),
  'an exit with a field that must be 0': () =>
    unchecked('socket', [
      mov(r0, 0),
      raw({ opcode: 0x95, imm: 1 }), // mistake
    ]),
});

export const results = rejected('return-value', {
  'of a filter of packets of a cgroup': () =>
    cgroupSkb('ingress', [
      mov(r0, 4), // mistake
      exit(),
    ]),
  'of a cgroup hook': () =>
    cgroup('sysctl', [
      mov(r0, 2), // mistake
      exit(),
    ]),
  'a number that nobody knows': () =>
    cgroup('dev', [
      call(helper.get_prandom_u32), // mistake
      exit(),
    ]),
  'of a filter of netfilter': () =>
    netfilter([
      mov(r0, 2), // mistake
      exit(),
    ]),
  'of a choice of a socket': () =>
    skLookup([
      mov(r0, 7), // mistake
      exit(),
    ]),
  'of a hook for bind': () =>
    cgroup('bind4', [
      mov(r0, 9), // mistake
      exit(),
    ]),
  'of a callback': () => {
    const step = fn('step', 2, [
      mov(r0, 2), // mistake
      exit(),
    ]);
    return socketFilter([call(helper.loop, 4, step, 0, 0), done]);
  },
  'of a callback on one of two ways': () => {
    const other = label('other');
    const step = fn('step', 2, [
      mov(r6, r1),
      mov(r0, 0),
      jeq(r6, 0, other),
      mov(r0, -1), // mistake
      other,
      exit(),
    ]);
    return socketFilter([call(helper.loop, 4, step, 0, 0), done]);
  },
  'a pointer': () =>
    cgroup('sysctl', [
      mov(r0, r10), // mistake
      exit(),
    ]),
  computed: () =>
    cgroup('connect4', [
      call(helper.get_prandom_u32),
      rsh(r0, 16), // mistake
      exit(),
    ]),
});

export const subprograms = rejected('subprogram', {
  'one that calls itself': () => {
    const again: Subprogram = {
      ...fn('again', 0, []),
      get body() {
        return [
          call(again), // mistake
          exit(),
        ];
      },
    };
    return unchecked('socket', [call(again), done], [again]);
  },
  'a global one that is given the stack for a number': () => {
    const read = fn('read_it', 1, [mov(r0, r1), exit()], { global: true });
    return socketFilter([
      mov(r1, r10),
      call(read, r1), // mistake
      done,
    ]);
  },
  'a global one that is given a map': () => {
    const read = fn('read_it', 1, [mov(r0, r1), exit()], { global: true });
    return socketFilter([
      lea(r1, counts),
      call(read, r1), // mistake
      done,
    ]);
  },
  'a global one that reads what its argument points to': () => {
    const read = fn(
      'read_it',
      1,
      [
        load(r0, u64.at(r1)), // mistake
        exit(),
      ],
      { global: true },
    );
    return socketFilter([call(read, 1), done]);
  },
  'a global one that returns a pointer': () => {
    const give = fn(
      'give',
      0,
      [
        mov(r0, r10), // mistake
        exit(),
      ],
      { global: true },
    );
    return socketFilter([call(give), done]);
  },
  'one that returns a pointer into its own frame': () => {
    const give = fn('give', 0, [
      store(u64.at(r10, -8), 0),
      mov(r0, r10), // mistake
      exit(),
    ]);
    return socketFilter([call(give), load(r1, u64.at(r0, -8)), done]);
  },
  'a pointer of the stack that is kept in the frame of the caller': () => {
    const give = fn('give', 1, [
      store(u64.at(r1), r10), // mistake
      mov(r0, 0),
      exit(),
    ]);
    return socketFilter([
      store(u64.at(r10, -8), 0),
      mov(r1, r10),
      add(r1, -8),
      call(give, r1),
      load(r2, u64.at(r10, -8)),
      load(r0, u64.at(r2, -8)),
      exit(),
    ]);
  },
});
