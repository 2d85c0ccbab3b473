/**
 * Written objects as others take them: libbpf, bpftool, the kernel and readelf. Each tool with several options, what
 * the language can say, and the corpus of clang's objects, read and written again.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, describe, expect, it } from 'vitest';
import { decode as decodeInstructions, print } from '../../src/asm/index.ts';
import { BtfBuilder } from '../../src/btf/index.ts';
import { readObject } from '../../src/elf/index.ts';
import { writeObject } from '../../src/elf/write-object.ts';
import {
  array,
  arrayMap,
  arrayOfMaps,
  bloomFilter,
  type Code,
  call,
  chars,
  coreRead,
  decode,
  either,
  exit,
  fieldExists,
  firstOf,
  fn,
  globals,
  hash,
  helper,
  helperExists,
  hookArguments,
  hookExists,
  i32,
  jeq,
  kernelStruct,
  label,
  lea,
  load,
  lpmTrie,
  lruPercpuHash,
  mapExists,
  mov,
  type ObjectSpec,
  object,
  percpuArray,
  perfEventArray,
  pointer,
  progArray,
  queueMap,
  r0,
  r1,
  r2,
  r6,
  r7,
  rawTracepoint,
  read,
  reserve,
  ringbuf,
  stack,
  stackTrace,
  store,
  struct,
  tpBtf,
  tracepoint,
  tracepointFields,
  typeExists,
  u8,
  u32,
  u64,
  update,
  variantsOf,
  w0,
  w1,
} from '../../src/index.ts';
import { sourceOf } from '../../src/kernel/sources.ts';
import { ExitEvent } from '../../src/programs/exitsnoop.ts';
import {
  exitsnoop,
  hardirqs,
  hello,
  helloPerf,
  opensnoop,
  runqslower,
} from '../../src/programs/index.ts';
import type { Tool } from '../../src/programs/tool.ts';
import {
  bytes,
  Judge,
  type Judged,
  type JudgedMap,
  OBJECTS,
  objectFile,
} from '../objects/judge.ts';
import { kernel, noBpf } from '../syscall/support.ts';

const folder = mkdtempSync(join(tmpdir(), 'beespoke-write-'));
const judge = new Judge();
afterAll(() => {
  judge.close();
  rmSync(folder, { recursive: true, force: true });
});

let files = 0;
const written = (spec: ObjectSpec, options = {}): string => {
  const file = join(folder, `object${files++}.o`);
  writeFileSync(file, writeObject(spec, { sourceOf, ...options }));
  return file;
};

/** What was not accepted, with the end of its log. */
const refusals = ({ object, programs }: Judged): unknown[] => [
  ...(object.stage === 'done' && object.whole === 0 ? [] : [object]),
  ...programs
    .filter(({ verdict }) => verdict !== 'accepted')
    .map(({ name, verdict, error, log }) => ({ name, verdict, error, log: log.slice(-800) })),
];

const none: Code = [mov(r0, 0), exit()];

const TOOLS: readonly (readonly [Tool, Readonly<Record<string, unknown>>])[] = [
  [hello, {}],
  [hello, { pid: 1 }],
  [helloPerf, {}],
  [exitsnoop, {}],
  [exitsnoop, { threads: true, failed: true }],
  [exitsnoop, { pid: 1, cgroup: '/' }],
  [opensnoop, {}],
  [opensnoop, { fullPath: true, uid: 3 }],
  [opensnoop, { extended: true, failed: true, tid: 7 }],
  [runqslower, {}],
  [runqslower, { comm: 'bash', previous: true }],
  [runqslower, { pid: 1, minUs: 5 }],
  [hardirqs, {}],
  [hardirqs, { events: true, cpu: 0 }],
  [hardirqs, { distributed: true, nanoseconds: true }],
] as unknown as readonly (readonly [Tool, Readonly<Record<string, unknown>>])[];

describe.skipIf(noBpf)(kernel('libbpf and the kernel'), () => {
  it.each(TOOLS.map(([tool, options]) => [tool.name, options, tool] as const))(
    'accept every variant of %s %o',
    (_, options, tool) => {
      const spec = tool.object(options as never);
      const judged = judge.judge(written(spec));
      expect(refusals(judged)).toEqual([]);
      const variants = Object.values(spec.programs).flatMap(variantsOf);
      expect(judged.programs.length).toBe(variants.length);
      for (const { lines, functions } of judged.programs) {
        expect(lines).toBeGreaterThan(2);
        expect(functions).toBeGreaterThanOrEqual(1);
      }
    },
  );

  it('make of maps what the object says', () => {
    const maps = {
      by_key: hash(struct('key', { a: u32, b: u32 }), u64, { maxEntries: 7, flags: 1 }),
      by_index: arrayMap(array(u32, 3), { maxEntries: 2 }),
      per_cpu: lruPercpuHash(u32, u8, { maxEntries: 64 }),
      prefixes: lpmTrie(struct('prefix', { bits: u32, address: u32 }), u32, { maxEntries: 9 }),
      stacks: stackTrace(array(u64, 20), { maxEntries: 16 }),
      queue: queueMap(u64, { maxEntries: 5 }),
      bloom: bloomFilter(u32, { maxEntries: 100, hashes: 4 }),
      nested: arrayOfMaps(hash(u32, u64, { maxEntries: 3 }), { maxEntries: 2 }),
      calls: progArray({ maxEntries: 4 }),
      ring: ringbuf(struct('event', { x: u64 }), { maxEntries: 65536 }),
      perf: perfEventArray(u64),
      limits: globals(struct('limits', { least: u32, most: u32 }), {
        initial: { least: 3, most: 4 },
        readonly: true,
      }),
    };
    const limits = struct('limits', { least: u32, most: u32 });
    const spec = object({
      license: 'GPL',
      maps,
      programs: {
        run: rawTracepoint('sched_switch', [
          lea(r1, maps.limits),
          load(w0, limits.at(r1).most),
          exit(),
        ]),
      },
    }) as ObjectSpec;
    const judged = judge.judge(written(spec));
    expect(refusals(judged)).toEqual([]);
    const facts = judged.maps.map(
      ({ name, type, keySize, valueSize, maxEntries, flags, extra }) => [
        name.replace(/^object\d*\./, '.'),
        ...[type, keySize, valueSize, maxEntries, flags, extra],
      ],
    );
    expect(facts).toEqual([
      ['by_key', 1, 8, 8, 7, 1, 0],
      ['by_index', 2, 4, 12, 2, 0, 0],
      ['per_cpu', 10, 4, 1, 64, 0, 0],
      ['prefixes', 11, 8, 4, 9, 1, 0],
      ['stacks', 7, 4, 160, 16, 0, 0],
      ['queue', 22, 0, 8, 5, 0, 0],
      ['bloom', 30, 0, 4, 100, 0, 4],
      ['nested', 12, 4, 4, 2, 0, 0],
      ['calls', 3, 4, 4, 4, 0, 0],
      ['ring', 27, 0, 0, 65536, 0, 0],
      ['perf', 4, 4, 4, 0, 0, 0],
      ['.rodata', 2, 4, 8, 1, 1152, 0],
    ]);
    const map = (name: string) => judged.maps.find((each) => each.name.endsWith(name))!;
    expect(map('.rodata').contents).toBe('0300000004000000');
    expect(map('by_key')).toMatchObject({ keyType: 'key', valueType: 'unsigned long long' });
    // The kernel has the types of those that take any.
    expect(map('by_key').kernel!.keyTypeId).toBeGreaterThan(0);
    expect(map('nested').inner).toMatchObject({ type: 1, keySize: 4, valueSize: 8, maxEntries: 3 });
  });

  it('accept subprograms, callbacks and choices of every kind', () => {
    const Task = kernelStruct('task_struct', { pid: i32, __state: u32, comm: chars(16) });
    const Gone = kernelStruct('no_such_struct', { field: u32 });
    const events = ringbuf(struct('event', { pid: u32 }), { maxEntries: 65536 });
    const counts = hash(u32, u64, { maxEntries: 8 });
    const scratch = percpuArray(u64, { maxEntries: 1 });
    const context = hookArguments({
      preempt: u8,
      prev: pointer(Task),
      next: pointer(Task),
      prev_state: u32,
    });
    const event = struct('event', { pid: u32 }).at(r7);
    const key = stack(u32);
    const value = stack(u64);
    const out = label('out');
    const pidOf = fn('pidOf', 1, [mov(r6, r1), read(w0, Task.at(r6).pid), exit()]);
    const doubled = fn('doubled', 1, [mov(r0, r1), exit()], { global: true });
    const each = fn('each', 2, [mov(r0, 0), exit()]);
    const body: Code = [
      load(r6, context.at(r1).next),
      either(typeExists(Gone), [coreRead(w1, Gone.at(r6).field), jeq(w1, 0, out)]),
      either(fieldExists(Task.at(r6).__state), mov(r7, 1), mov(r7, 2)),
      either(mapExists('bloom_filter'), mov(r7, 3)),
      either(helperExists(helper.loop), [call(helper.loop, 4, each, 0, 0)]),
      either(hookExists('tracepoint/sched/sched_switch'), mov(r7, 4)),
      either(hookExists('raw_tp/no_such_tracepoint'), mov(r7, 5)),
      either(fieldExists(context.at(r6).next), mov(r7, 6)),
      store(key, 0),
      store(value, r7),
      update(counts, key, value),
      call(helper.map_lookup_elem, scratch, key),
      jeq(r0, 0, out),
      store(u64.at(r0), 1),
      reserve(r7, events, out),
      call(helper.get_smp_processor_id),
      store(event.pid, w0),
      call(helper.ringbuf_submit, r7, 0),
      mov(r1, 1),
      call(doubled, r1),
      mov(r1, r6),
      call(pidOf, r1),
      out,
      none,
    ];
    const record = tracepointFields({ prev_pid: i32, next_comm: chars(16) });
    const spec = object({
      license: 'GPL',
      maps: { events, counts, scratch },
      programs: {
        switched: firstOf(
          tpBtf('sched_switch', body),
          rawTracepoint('sched_switch', body),
          tracepoint('sched/sched_switch', [
            mov(r6, r1),
            load(w0, record.at(r6).prev_pid),
            mov(r2, r0),
            none,
          ]),
        ),
      },
    }) as ObjectSpec;
    const judged = judge.judge(written(spec));
    expect(refusals(judged)).toEqual([]);
    expect(judged.programs.map(({ name, section, autoload }) => [name, section, autoload])).toEqual(
      [
        ['switched', 'tp_btf/sched_switch', true],
        ['switched__2', 'raw_tp/sched_switch', false],
        ['switched__3', 'tracepoint/sched/sched_switch', false],
      ],
    );
    // What is left of the choices is what this kernel has: 4 and 6 were stored, not 5.
    const text = decodeInstructions(bytes(judged.programs[0]!.xlated!)).map((each) => print(each));
    const stored = text.flatMap((line) => /^r7 = (\d)$/.exec(line)?.[1] ?? []);
    expect(stored).toEqual(['1', '3', '4', '6']);
  });

  it('take the other way on a kernel that lacks what is asked for', () => {
    // Of that kernel only what the program asks about.
    const older = new BtfBuilder();
    const int = older.int('int', 4, 'signed');
    const u64Id = older.int('unsigned long long', 8);
    const char = older.array(older.int('char', 1, 'signed'), 16);
    older.struct('atomic_t', 4, [{ name: 'counter', type: int, bitOffset: 0 }]);
    const signal = older.struct('signal_struct', 16, [
      { name: 'live', type: 1 + 4, bitOffset: 0 },
      { name: 'flags', type: older.int('unsigned int', 4), bitOffset: 32 },
      { name: 'group_exit_code', type: int, bitOffset: 64 },
    ]);
    const task = older.reserve();
    const toTask = older.ptr(task);
    older.define(task, {
      kind: 'struct',
      name: 'task_struct',
      size: 128,
      members: [
        { name: 'pid', type: int, bitOffset: 320, bitSize: 0 },
        { name: 'tgid', type: int, bitOffset: 352, bitSize: 0 },
        { name: 'exit_code', type: int, bitOffset: 384, bitSize: 0 },
        { name: 'start_time', type: u64Id, bitOffset: 448, bitSize: 0 },
        { name: 'comm', type: char, bitOffset: 512, bitSize: 0 },
        { name: 'signal', type: older.ptr(signal), bitOffset: 640, bitSize: 0 },
        { name: 'group_leader', type: toTask, bitOffset: 704, bitSize: 0 },
        { name: 'real_parent', type: toTask, bitOffset: 768, bitSize: 0 },
      ],
    });
    const proto = older.funcProto(0, [
      { name: '__data', type: older.ptr(0) },
      { name: 'p', type: toTask },
    ]);
    older.typedef('btf_trace_sched_process_exit', older.ptr(proto));
    const btf = join(folder, 'older.btf');
    writeFileSync(btf, older.encode());
    const { programs } = judge.judge(written(exitsnoop.object()), { btf });
    const [typed, raw] = programs.map(({ passed }) =>
      decodeInstructions(bytes(passed!.insns)).map((each) => print(each)),
    );
    // The argument is asked for first, and is not there; pid and tgid are where that kernel has them.
    for (const text of [typed!, raw!]) {
      expect(text[2]).toBe('r0 = 0');
      expect(text[3]).toBe('if r0 == 0x0 goto pc+3');
    }
    expect(typed).toContain('r0 = *(u32 *)(r8 +40)');
    expect(typed).toContain('r0 = *(u32 *)(r8 +44)');
  });

  it.each(OBJECTS)('say the same of %s when it is read and written again', (name) => {
    const original = judge.judge(objectFile(name));
    let spec: ObjectSpec;
    try {
      spec = readObject(readFileSync(objectFile(name)), { label: name });
    } catch (error) {
      // What cannot be read cannot be written: read-object.test.ts says why.
      expect((error as Error).name).toBe('ElfError');
      return;
    }
    const again = writeObject(spec);
    // The same name, since libbpf calls maps after the file.
    const file = join(folder, `${name}.o`);
    writeFileSync(file, again);
    const judged = judge.judge(file);
    const verdicts = ({ programs }: Judged) =>
      programs
        .map(({ name, section, type, attach, flags, autoload, verdict, passed }) => ({
          ...{ name, section, type, attach, flags, autoload, verdict },
          size: passed?.insns.length,
        }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    const definitions = ({ maps }: Judged) =>
      maps
        .map((map: JudgedMap) => {
          const { name, type, keySize, valueSize, maxEntries, flags, numaNode, extra } = map;
          const { keyType, valueType, pin, internal, initial, inner, filled } = map;
          return {
            ...{ name, type, keySize, valueSize, maxEntries, flags, numaNode, extra },
            ...{ keyType, valueType, pin, internal, initial, inner, filled },
          };
        })
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    expect(verdicts(judged)).toEqual(verdicts(original));
    expect(definitions(judged)).toEqual(definitions(original));
    expect([judged.object.stage, judged.object.error, judged.object.whole]).toEqual([
      original.object.stage,
      original.object.error,
      original.object.whole,
    ]);
  });
});

/** Runs a script in which nothing that is pinned outlives it: $FILE is the object, $PINS a BPF file system. */
const privately = (file: string, script: string) =>
  spawnSync('unshare', ['--mount', 'bash', '-c', `mount -t bpf bpf "$PINS" && ${script}`], {
    encoding: 'utf8',
    env: { ...process.env, FILE: file, PINS: mkdtempSync(join(folder, 'pins-')) },
  });

describe.skipIf(noBpf)(kernel('bpftool'), () => {
  it.each([hello, helloPerf, exitsnoop, opensnoop, hardirqs, runqslower] as unknown as Tool[])(
    'loads and pins all programs of $name, and shows our lines',
    ({ object }) => {
      const spec = object({} as never);
      const { stdout, stderr } = privately(
        written(spec, { variants: 'first' }),
        'bpftool prog loadall "$FILE" "$PINS/all" && for program in "$PINS"/all/*; do ' +
          'basename "$program"; bpftool prog dump xlated pinned "$program" linum; done',
      );
      expect(stderr).toBe('');
      const lines = stdout.split('\n');
      for (const name of Object.keys(spec.programs)) expect(lines).toContain(name);
      expect(lines.filter((line) => /\.ts line_num:\d+ /.test(line)).length).toBeGreaterThan(2);
    },
  );

  it('finds what CO-RE asks for, and shows our lines', () => {
    const { stdout, stderr } = privately(
      written(exitsnoop.object({ failed: true })),
      'bpftool -d prog load "$FILE" "$PINS/one" && bpftool prog dump xlated pinned "$PINS/one" linum',
    );
    expect(stderr).toMatch(/relo #0: <type_exists> \[\d+\] typedef btf_trace_sched_process_exit/);
    expect(stderr).toMatch(/matching candidate #0 <byte_off> \[\d+\] struct task_struct\.signal/);
    expect(stdout).toMatch(/^int handleExit\(unsigned long long ?\* ctx\):/m);
    expect(stdout).toMatch(
      /^; failed && jeq\(w9, 0, out\), \[file:\S*\/programs\/exitsnoop\.ts line_num:\d+ line_col:\d+\]\n +\d+: \(16\) if w9 == 0x0 goto/m,
    );
  });

  it('reads the types', () => {
    const file = written(hardirqs.object());
    const dump = execFileSync('bpftool', ['btf', 'dump', 'file', file], { encoding: 'utf8' });
    expect(dump).toMatch(/DATASEC '\.maps' size=\d+ vlen=3\n/);
    expect(dump).toMatch(
      /DATASEC '\.bss' size=16 vlen=2\n\t.*\(VAR 'turn'\)\n\t.*\(VAR 'sums_lost'\)/,
    );
  });

  it('makes C of it', () => {
    const c = execFileSync('bpftool', ['gen', 'skeleton', written(hello.object())], {
      encoding: 'utf8',
    });
    expect(c).toMatch(/struct \w+__rodata \{\s+char message\[14\];/);
    expect(c).toMatch(/struct bpf_program \*hello;/);
  });
});

describe('readelf', () => {
  it.each(TOOLS.slice(0, 4).map(([tool, options]) => [tool.name, tool, options] as const))(
    'has no warnings about %s',
    (_, tool, options) => {
      const file = written(tool.object(options as never));
      const { status, stderr } = spawnSync('readelf', ['-aW', file], { encoding: 'utf8' });
      expect([status, stderr]).toEqual([0, '']);
    },
  );
});

describe.skipIf(noBpf)(kernel('a C program with libbpf'), () => {
  it('gets the events of exitsnoop', async () => {
    const reader = join(folder, 'ring-reader');
    const source = join(import.meta.dirname, 'ring-reader.c');
    execFileSync('cc', ['-O1', source, '-o', reader, '-lbpf']);
    const child = spawn(reader, [written(exitsnoop.object())], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ended = new Promise((done) => child.on('close', done));
    try {
      const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
      expect((await lines.next()).value).toBe('attached');
      const shell = spawn('bash', ['-c', 'exit 37']);
      for (let line = await lines.next(); !line.done; line = await lines.next()) {
        const record = bytes(line.value);
        const event = decode(ExitEvent, record);
        if (event.pid !== shell.pid) continue;
        expect(record.length).toBe(ExitEvent.size);
        expect(event).toMatchObject({
          ppid: process.pid,
          tid: shell.pid,
          comm: 'bash',
          status: { exitCode: 37, signal: 0, coreDumped: false },
        });
        return;
      }
      throw new Error('it ended without the event');
    } finally {
      child.stdin.end();
      await ended;
    }
  });
});
