/**
 * Object files as they are written: what is where, and what is refused. That libbpf and the kernel take them is tested
 * in write-object-live.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { readObject } from '../../src/elf/read-object.ts';
import { writeObject } from '../../src/elf/write-object.ts';
import {
  array,
  arrayMap,
  arrayOfMaps,
  bitfield,
  bloomFilter,
  bytes,
  type Code,
  call,
  chars,
  coreRead,
  dataLoc,
  either,
  eventBuffer,
  exit,
  fieldExists,
  fieldSize,
  firstOf,
  fn,
  globals,
  hash,
  helper,
  helperExists,
  hookArguments,
  hookExists,
  i32,
  jne,
  kernelStruct,
  label,
  lea,
  load,
  mapExists,
  mov,
  type ObjectSpec,
  object,
  optional,
  output,
  perfEventArray,
  pointer,
  queueMap,
  r0,
  r1,
  r2,
  r3,
  r4,
  r5,
  r6,
  r7,
  r8,
  r9,
  rawTracepoint,
  readDataLoc,
  reserve,
  ringbuf,
  socketFilter,
  stack,
  store,
  struct,
  tpBtf,
  tracepoint,
  tracepointFields,
  u8,
  u16,
  u32,
  u64,
  union,
  w0,
  w1,
} from '../../src/index.ts';
import { messageOf, withoutLine } from '../object/support.ts';
import { only, Written } from './write-support.ts';

const none: Code = [mov(r0, 0), exit()];

describe('the programs of a file', () => {
  it('are in the sections of their hooks, several in one, those that load by themselves first', () => {
    const at = (name: string) => optional(tracepoint(`syscalls/sys_enter_${name}`, none));
    const spec = object({
      license: 'Dual MIT/GPL',
      programs: {
        open: at('open'),
        one: socketFilter(none),
        best: firstOf(tpBtf('sched_switch', none), rawTracepoint('sched_switch', none)),
        two: socketFilter([mov(r0, 1), mov(r0, 0), exit()]),
      },
    });
    const { file, sections } = new Written(spec);
    expect(sections).toEqual([
      'socket',
      'tp_btf/sched_switch',
      '?tracepoint/syscalls/sys_enter_open',
      '?raw_tp/sched_switch',
    ]);
    const functions = file.symbols
      .filter(({ type }) => type === 2)
      .map(({ name, section, value, size, binding }) => [
        name,
        file.sections[section]!.name,
        value,
        size,
        binding,
      ]);
    expect(functions).toEqual([
      ['one', 'socket', 0, 16, 1],
      ['best', 'tp_btf/sched_switch', 0, 16, 1],
      ['two', 'socket', 16, 24, 1],
      ['open', '?tracepoint/syscalls/sys_enter_open', 0, 16, 1],
      ['best__2', '?raw_tp/sched_switch', 0, 16, 1],
    ]);
    expect(new TextDecoder().decode(file.section('license')!.data)).toBe('Dual MIT/GPL\0');

    const plain = new Written(spec, { variants: 'first' });
    expect(plain.sections).toEqual([
      'tracepoint/syscalls/sys_enter_open',
      'socket',
      'tp_btf/sched_switch',
    ]);
  });

  it('give a variant a name that no other program has', () => {
    const both = firstOf(tpBtf('sched_switch', none), rawTracepoint('sched_switch', none));
    const spec = object({
      license: 'GPL',
      programs: { run: both, run__2: socketFilter(none), run__3: socketFilter(none) },
    });
    const names = new Written(spec).file.symbols.map(({ name }) => name);
    expect(names.filter((name) => name !== '')).toEqual(['run', 'run__2', 'run__3', 'run__4']);
  });

  it('are the same bytes each time', () => {
    const spec = () => {
      const events = ringbuf(struct('event', { a: u32 }));
      return only(
        tpBtf('sched_switch', [
          reserve(r6, events, full),
          call(helper.ringbuf_discard, r6, 0),
          full,
          none,
        ]),
        { events },
      );
    };
    const full = label('full');
    const sourceOf = () => ({ file: 'x.ts', line: 1, column: 1, text: 'x' });
    expect(writeObject(spec(), { sourceOf })).toEqual(writeObject(spec(), { sourceOf }));
  });
});

describe('subprograms', () => {
  const addend = fn('addend', 0, [mov(r0, 2), exit()]);
  const verified = fn('verified', 1, [mov(r0, r1), exit()], { global: true });
  const each = fn('each', 2, [call(addend), mov(r0, 0), exit()]);
  const body: Code = [
    call(addend),
    mov(r1, r0),
    call(verified, r1),
    call(helper.loop, 8, each, 0, 0),
    none,
  ];

  it('are in .text; static ones are reached through it, global ones by their names', () => {
    const written = new Written(only(rawTracepoint('sched_switch', body)));
    const text = written.file.sections.findIndex(({ name }) => name === '.text');
    expect(
      written.file.symbols
        .filter(({ type, section }) => type === 2 && section === text)
        .map(({ name, value, size, binding }) => [name, value, size, binding]),
    ).toEqual([
      ['addend', 0, 16, 0],
      ['each', 32, 24, 0],
      ['verified', 16, 16, 1],
    ]);
    expect(written.relocations('raw_tp/sched_switch')).toEqual([
      '0 10 .text',
      '16 10 verified',
      '32 1 .text',
    ]);
    expect(written.relocations('.text')).toEqual(['32 10 .text']);
    const [callStatic, , callGlobal] = written.code('raw_tp/sched_switch');
    expect(callStatic).toMatchObject({ src: 1, imm: -1 });
    expect(callGlobal).toMatchObject({ src: 1, imm: -1 });
    const callback = written.code('raw_tp/sched_switch').find(({ imm64 }) => imm64 !== undefined);
    expect(callback).toMatchObject({ src: 0, imm64: 32n });
    expect(written.raw('addend')).toMatch(/linkage=static$/);
    expect(written.raw('verified')).toMatch(/linkage=global$/);
  });

  it('are written once for each kind of program where it matters', () => {
    const Task = kernelStruct('task_struct', { pid: i32 });
    const task = Task.at(r6);
    const pidOf = fn('pidOf', 1, [mov(r6, r1), coreRead(w0, task.pid), exit()]);
    const { next } = hookArguments({ preempt: u64, prev: u64, next: u64 }).at(r1);
    const nextOf = fn('nextOf', 1, [load(r0, next), exit()]);
    const program: Code = [mov(r7, r1), call(nextOf, r7), mov(r1, r0), call(pidOf, r1), none];
    const at = firstOf(tpBtf('sched_switch', program), rawTracepoint('sched_switch', program));
    const names = new Written(only(at)).file.symbols
      .filter(({ type, binding }) => type === 2 && binding === 0)
      .map(({ name }) => name);
    expect(names.sort()).toEqual(['nextOf', 'nextOf__2', 'pidOf']);
  });
});

describe('maps', () => {
  const Event = struct('event', { pid: u32, comm: chars(16) });
  const values = arrayMap(u64, { maxEntries: 4 });
  const maps = {
    events: ringbuf(Event, { maxEntries: 8192 }),
    samples: perfEventArray(struct('sample', { at: u64 })),
    starts: hash(u32, u64, { maxEntries: 1024, flags: 1 }),
    waiting: queueMap(struct('waiting', { pid: u32 }), { maxEntries: 8 }),
    seen: bloomFilter(u64, { maxEntries: 16, hashes: 3 }),
    nested: arrayOfMaps(values, { maxEntries: 2 }),
  };
  const written = new Written(only(socketFilter(none), maps));
  /** `name: number` or `name: type` of each member of a definition, as libbpf reads it. */
  const definition = (id: number): Record<string, unknown> => {
    const { btf } = written;
    const type = btf.type(id);
    if (type.kind !== 'struct') throw new Error(type.kind);
    return Object.fromEntries(
      type.members.map(({ name, type, bitOffset }, index) => {
        expect(bitOffset).toBe(index * 64);
        const of = btf.type(type);
        if (of.kind === 'array') {
          const element = btf.type(of.type);
          return [name, element.kind === 'ptr' ? definition(element.type) : undefined];
        }
        const to = of.kind === 'ptr' ? btf.type(of.type) : of;
        return [name, to.kind === 'array' ? to.nelems : to.name];
      }),
    );
  };
  const defined = (name: string) => {
    const variable = [...written.btf.all()].find((t) => t.kind === 'var' && t.name === name)!;
    return definition((variable as { type: number }).type);
  };

  it("are defined as libbpf's macros do", () => {
    expect(defined('events')).toEqual({ type: 27, max_entries: 8192 });
    expect(defined('samples')).toEqual({ type: 4, key_size: 4, value_size: 4 });
    expect(defined('starts')).toEqual({
      type: 1,
      max_entries: 1024,
      map_flags: 1,
      key: 'unsigned int',
      value: 'unsigned long long',
    });
    expect(defined('waiting')).toEqual({ type: 22, max_entries: 8, value: 'waiting' });
    expect(defined('seen')).toEqual({
      type: 30,
      max_entries: 16,
      map_extra: 3,
      value: 'unsigned long long',
    });
    expect(defined('nested')).toEqual({
      type: 12,
      max_entries: 2,
      key: 'unsigned int',
      values: { type: 2, max_entries: 4, key: 'unsigned int', value: 'unsigned long long' },
    });
  });

  it('lie one after the other in .maps, which BTF and symbols agree about', () => {
    const { btf, file } = written;
    const section = btf.type(btf.findByName('.maps', 'datasec')!);
    const variables = section.kind === 'datasec' ? section.variables : [];
    const places = variables.map(({ type, offset, size }) => [btf.name(type), offset, size]);
    expect(places).toEqual([
      ['events', 0, 16],
      ['samples', 16, 24],
      ['starts', 40, 40],
      ['waiting', 80, 24],
      ['seen', 104, 32],
      ['nested', 136, 24],
    ]);
    const symbols = file.symbols.filter(({ type }) => type === 1);
    expect(symbols.map(({ name, value, size }) => [name, value, size])).toEqual(places);
    expect(file.section('.maps')!.data).toEqual(new Uint8Array(160));
  });

  it('say on which node they are to be, where that is said', () => {
    const maps = {
      near: { ...hash(u32, u64, { maxEntries: 8 }), numaNode: 0 },
      any: hash(u32, u64),
    };
    const spec = object({ license: 'GPL', maps, programs: { run: socketFilter(none) } });
    const read = readObject(writeObject(spec)).maps;
    expect([read.near!.numaNode, read.any!.numaNode]).toEqual([0, undefined]);
  });

  it('say in a tag what the records of a buffer are, and what two structs share is said of the first', () => {
    const tags = [...written.btf.all()]
      .filter(({ kind }) => kind === 'decl_tag')
      .map((tag) => `${tag.name} ${written.btf.name((tag as { type: number }).type)}`);
    expect(tags).toEqual(['beespoke:event=event events', 'beespoke:event=sample samples']);
    const twice = new Written(
      only(socketFilter(none), { a: ringbuf(Event), b: ringbuf(struct('event', { x: u8 })) }),
    );
    const all = [...twice.btf.all()].filter(({ kind }) => kind === 'decl_tag');
    expect(all.map(({ name }) => name)).toEqual(['beespoke:event=event']);
    const first = twice.btf.type(twice.btf.findByName('event', 'struct')!);
    expect(first).toMatchObject({ size: 20 });
  });

  it('cannot start with values, as only variables can', () => {
    const full = { ...values, initial: [1n, 2n] };
    expect(messageOf(() => writeObject(only(socketFilter(none), { full })))).toBe(
      'map full starts with values, which a file cannot give to a map of type array: only to global variables',
    );
  });
});

describe('variables', () => {
  const Limits = struct('limits', { least: u32, most: u64, names: array(u16, 3) });
  const Counters = struct('counters', { calls: u64 });
  const limits = globals(Limits, {
    initial: { least: 1, most: 2n, names: [3, 4, 5] },
    readonly: true,
  });
  const more = globals(struct('more', { least: u8 }), { initial: { least: 7 }, readonly: true });
  const counters = globals(Counters);
  const flags = globals(struct('flags', { on: bitfield(u8, 1), deep: bitfield(u8, 2) }));
  const views = globals(union('views', { word: u32, half: u16 }), {
    initial: { word: 9 } as never,
  });
  const events = ringbuf(struct('event', { a: u64 }));
  const full = label('full');
  const written = new Written(
    only(
      rawTracepoint('sched_switch', [
        lea(r1, counters),
        load(r2, Counters.at(r1).calls),
        lea(r1, more),
        reserve(r6, events, full),
        call(helper.ringbuf_discard, r6, 0),
        full,
        none,
      ]),
      { limits, more, counters, flags, views, events },
    ),
  );

  it('are fields by name, where the structs have them', () => {
    const { file } = written;
    const variables = file.symbols
      .filter(({ type, section }) => type === 1 && file.sections[section]!.name !== '.maps')
      .map(({ name, section, value, size }) => [file.sections[section]!.name, name, value, size]);
    expect(variables).toEqual([
      ['.rodata', 'least', 0, 4],
      ['.rodata', 'most', 8, 8],
      ['.rodata', 'names', 16, 6],
      ['.rodata', 'more_least', 24, 1],
      ['.bss', 'calls', 0, 8],
      ['.bss', 'flags', 8, 1],
      ['.bss', 'events_lost', 16, 8],
      ['.data', 'views', 0, 4],
    ]);
    for (const section of ['.rodata', '.bss', '.data']) {
      const type = written.btf.type(written.btf.findByName(section, 'datasec')!);
      if (type.kind !== 'datasec') throw new Error(type.kind);
      expect(type.size).toBe(file.section(section)!.size);
      expect(
        type.variables.map(({ type, offset, size }) => [
          section,
          written.btf.name(type),
          offset,
          size,
        ]),
      ).toEqual(variables.filter(([name]) => name === section));
    }
  });

  it('have their first values', () => {
    expect([...written.file.section('.rodata')!.data]).toEqual([
      ...[1, 0, 0, 0, 0, 0, 0, 0],
      ...[2, 0, 0, 0, 0, 0, 0, 0],
      ...[3, 0, 4, 0, 5, 0, 0, 0],
      7,
    ]);
    expect([...written.file.section('.data')!.data]).toEqual([9, 0, 0, 0]);
    expect(written.file.section('.bss')).toMatchObject({ type: 8, size: 24 });
  });

  it('are addressed by their sections, with the offset in the instruction', () => {
    expect(written.relocations('raw_tp/sched_switch')).toEqual([
      '0 1 .bss',
      '24 1 .rodata',
      '40 1 events',
      '88 1 .bss',
    ]);
    const addresses = written
      .code('raw_tp/sched_switch')
      .flatMap(({ imm64, src }) => (imm64 === undefined ? [] : [[src, imm64]]));
    expect(addresses).toEqual([
      [0, 0n],
      [0, 24n],
      [0, 0n],
      [0, 16n],
    ]);
  });
});

describe('CO-RE', () => {
  it('has a record for each number, and the instruction what the types of the file say', () => {
    const Inner = kernelStruct('signal_struct', { live: i32, flags: u32 });
    const Task = kernelStruct('task_struct', { pid: i32, comm: chars(16), signal: pointer(Inner) });
    const task = Task.at(r1);
    const section = 'tp_btf/sched_switch';
    const written = new Written(
      only(
        tpBtf('sched_switch', [
          load(r1, hookArguments({ preempt: u64, prev: u64 }).at(r1).prev),
          load(r6, task.signal),
          load(w0, Inner.at(r6).flags),
          mov(r2, fieldSize(task.comm)),
          mov(r0, 0),
          exit(),
        ]),
      ),
    );
    expect(written.core(section)).toEqual([
      '1 field_byte_offset struct task_struct 0:2',
      '2 field_byte_offset struct signal_struct 0:1',
      '3 field_byte_size struct task_struct 0:1',
    ]);
    expect(written.text(section).slice(0, 4)).toEqual([
      'r1 = *(u64 *)(r1 +8)',
      'r6 = *(u64 *)(r1 +24)',
      'r0 = *(u32 *)(r6 +4)',
      'r2 = 16',
    ]);
  });

  it('finds the fields of records in the structs of their events, or of their classes', () => {
    const fields = tracepointFields({
      comm: chars(16),
      prio: i32,
      name: dataLoc,
    });
    const record = fields.at(r6);
    const key = stack(bytes(16));
    const body: Code = [mov(r6, r1), load(w1, record.prio), readDataLoc(key, record.name), none];
    const both = object({
      license: 'GPL',
      programs: {
        wakeup: tracepoint('sched/sched_wakeup', body),
        entry: tracepoint('irq/irq_handler_entry', body),
      },
    });
    const written = new Written(both as ObjectSpec);
    expect(written.core('tracepoint/sched/sched_wakeup')).toEqual([
      '1 field_byte_offset struct trace_event_raw_sched_wakeup_template 0:1',
      '2 field_byte_offset struct trace_event_raw_sched_wakeup_template 0:2',
    ]);
    expect(written.core('tracepoint/irq/irq_handler_entry')[0]).toBe(
      '1 field_byte_offset struct trace_event_raw_irq_handler_entry 0:1',
    );
    expect(written.raw('trace_event_raw_irq_handler_entry')).toMatch(
      /'comm' .*\n\t'prio' .*\n\t'__data_loc_name' /,
    );
  });

  it('refuses the records of system calls, which have no types', () => {
    const { fd } = tracepointFields({ fd: u64 }).at(r1);
    const close = tracepoint('syscalls/sys_enter_close', [load(r0, fd), exit()]);
    expect(messageOf(() => new Written(only(close)))).toBe(
      'tracepoint/syscalls/sys_enter_close: the records of system calls have no types in the kernel, by which a file finds fields; use SyscallEnter or SyscallExit',
    );
  });
});

describe('a choice', () => {
  const section = 'raw_tp/sched_switch';
  const of = (...code: readonly Code[]) => new Written(only(rawTracepoint('sched_switch', code)));
  const Task = kernelStruct('task_struct', { __state: u32 });

  it('is a number in a register that is free, and a jump', () => {
    const written = of(
      mov(r6, r1),
      either(fieldExists(Task.at(r6).__state), mov(r7, 1), mov(r7, 2)),
      mov(r0, r7),
      exit(),
    );
    expect(written.text(section)).toEqual([
      'r6 = r1',
      'r0 = 1',
      'if r0 == 0x0 goto pc+2',
      'r7 = 1',
      'goto pc+1',
      'r7 = 2',
      'r0 = r7',
      'exit',
    ]);
    expect(written.core(section)).toEqual(['1 field_exists struct task_struct 0:0']);
  });

  it('has no second jump where there is nothing to jump over', () => {
    const written = of(either(helperExists(helper.ktime_get_ns), call(helper.ktime_get_ns)), none);
    expect(written.text(section)).toEqual([
      'r0 = 1',
      'if r0 == 0x0 goto pc+1',
      'call bpf_ktime_get_ns#5',
      'r0 = 0',
      'exit',
    ]);
    expect(written.core(section)).toEqual(['0 enumval_exists enum bpf_func_id 0']);
    expect(written.raw('bpf_func_id')).toMatch(/'BPF_FUNC_ktime_get_ns' val=5$/);
  });

  it('leaves registers alone whose values are still read, also by the other way and around a loop', () => {
    const again = label('again');
    const choose = either(mapExists('bloom_filter'), mov(r2, r3), mov(r2, r4));
    const written = of(
      [mov(r0, 0), mov(r3, 1), mov(r4, 2), mov(r5, 3), mov(r6, 4), mov(r7, 5), mov(r9, 6)],
      again,
      choose,
      jne(r5, 0, again),
      [mov(r2, r6), mov(r2, r7), mov(r2, r9)],
      exit(),
    );
    // r0 is the result, r3 to r7 and r9 are read later; both ways write r2.
    const taken = written.text(section).indexOf('if r2 == 0x0 goto pc+2');
    expect(taken).toBe(8);
    expect(written.core(section)).toEqual(['7 enumval_exists enum bpf_map_type 0']);
  });

  it('is refused by its line where every register is in use', () => {
    const all = [r0, r1, r2, r3, r4, r5, r6, r7, r8, r9];
    const body = [
      all.map((register) => mov(register, 1)),
      either(mapExists('ringbuf'), stores(), []),
      stores(),
      exit(),
    ];
    function stores(): Code {
      return all.map((register) => store(stack(u64), register));
    }
    expect(withoutLine(messageOf(() => of(...body)))).toBe(
      'in a file this choice needs a register for the number that decides it, and r0 to r9 are all in use here; keep one of them on the stack (write-object.test.ts)',
    );
  });

  it('asks whether there is a tracepoint as if its type had a field', () => {
    const written = of(either(hookExists('tp_btf/sched_switch'), mov(r6, 1), mov(r6, 2)), none);
    expect(written.core(section)).toEqual(['0 field_exists typedef btf_trace_sched_switch 0']);
  });

  it('takes for granted what the loader does, and refuses what types cannot tell', () => {
    expect(of(either(hookExists('kprobe/vfs_read'), mov(r6, 1)), none).text(section)).toEqual([
      'r6 = 1',
      'r0 = 0',
      'exit',
    ]);
    for (const hook of ['fentry/vfs_read', 'tracepoint/syscalls/sys_enter_open', 'iter/task'])
      expect(messageOf(() => of(either(hookExists(hook), mov(r6, 1)), none))).toBe(
        `program asks whether there is a hook ${hook}: CO-RE in a file can tell tracepoints only, by their types; make it firstOf or optional`,
      );
  });

  it('asks for a field before its number, which without it could not be had', () => {
    const written = of(
      mov(r6, r1),
      either(fieldSize(Task.at(r6).__state), mov(r7, 1), mov(r7, 2)),
      none,
    );
    expect(written.core(section)).toEqual([
      '1 field_exists struct task_struct 0:0',
      '3 field_byte_size struct task_struct 0:0',
    ]);
    expect(written.text(section).slice(1, 5)).toEqual([
      'r0 = 1',
      'if r0 == 0x0 goto pc+4',
      'r0 = 4',
      'if r0 == 0x0 goto pc+2',
    ]);
  });

  it('asks by its prototypes whether a tracepoint has an argument', () => {
    const given = hookArguments({ p: pointer(Task), dead: u8, more: u32 }).at(r1);
    const written = of(
      either(fieldExists(given.dead), [load(w0, given.dead)], [mov(r0, 0)]),
      exit(),
    );
    expect(written.core(section)).toEqual([
      '0 type_exists typedef btf_trace_sched_switch 0',
      '2 type_exists typedef btf_trace_sched_switch 0',
    ]);
    expect(written.text(section)).toEqual([
      'r0 = 1',
      'if r0 != 0x0 goto pc+2',
      'r0 = 1',
      'if r0 == 0x0 goto pc+2',
      'r0 = *(u8 *)(r1 +8)',
      'goto pc+1',
      'r0 = 0',
      'exit',
    ]);
    const counts = [...written.btf.all()].flatMap((type) =>
      type.kind === 'func_proto' && type.returnType === 0 ? [type.params.length] : [],
    );
    expect(counts).toEqual([3, 4]);
  });

  it('is decided where the file has a ring buffer for an event buffer', () => {
    const Event = struct('event', { a: u64 });
    const events = eventBuffer(Event);
    const event = stack(Event);
    const written = new Written(
      only(
        rawTracepoint('sched_switch', [
          mov(r6, r1),
          store(event.a, 1),
          output(r6, events, event, 8),
          none,
        ]),
        { events },
      ),
    );
    expect(written.core(section)).toEqual([]);
    const calls = written.text(section).filter((line) => line.startsWith('call'));
    expect(calls).toEqual(['call bpf_ringbuf_output#130']);
  });
});
