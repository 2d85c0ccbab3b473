/**
 * @module
 * Programs that every kernel refuses, each for a reason of its own. `test/golden/verifier/record.ts` records what the
 * verifier says of them.
 */
import {
  add,
  type Code,
  call,
  exit,
  fn,
  gotox,
  hash,
  helper,
  ja,
  jeq,
  kernelStruct,
  label,
  type lea,
  load,
  mov,
  type ObjectSpec,
  object,
  type ProgramEntry,
  r0,
  r1,
  r2,
  r6,
  r10,
  reserve,
  ringbuf,
  socketFilter,
  stack,
  store,
  struct,
  tc,
  tpBtf,
  u32,
  u64,
  w0,
  w1,
} from '../../src/index.ts';

const Entry = struct('entry', { count: u64, flags: u32 });
const Packet = struct('packet', { first: u32, second: u32 });
const Context = struct('context', { data: u32 });

const done: Code = [mov(r0, 0), exit()];

const only = (program: ProgramEntry): ObjectSpec =>
  object({ license: 'GPL', programs: { program } }) as ObjectSpec;

/** Looks up key 0: r0 is an entry, or null. */
const lookUp = (map: Parameters<typeof lea>[1]): Code => {
  const key = stack(u32);
  return [store(key, 0), call(helper.map_lookup_elem, map as never, key)];
};

export const refused: Readonly<Record<string, () => ObjectSpec>> = {
  'null-check': () => {
    const entries = hash(u32, Entry, { maxEntries: 1 });
    const body = [lookUp(entries), load(r1, Entry.at(r0).count), done];
    return object({
      license: 'GPL',
      maps: { entries },
      programs: { program: socketFilter(body) },
    }) as ObjectSpec;
  },
  'null-check-in-subprogram': () => {
    const entries = hash(u32, Entry, { maxEntries: 1 });
    const count = fn('count', 1, [lookUp(entries), load(r0, Entry.at(r0).count), exit()]);
    const body = [mov(r6, r1), mov(r1, 7), call(count, r1), done];
    return object({
      license: 'GPL',
      maps: { entries },
      programs: { program: socketFilter(body) },
    }) as ObjectSpec;
  },
  'null-check-in-callback': () => {
    const entries = hash(u32, Entry, { maxEntries: 1 });
    const step = fn('step', 2, [lookUp(entries), load(w0, Entry.at(r0).flags), exit()]);
    const body = [call(helper.loop, 4, step, 0, 0), done];
    return object({
      license: 'GPL',
      maps: { entries },
      programs: { program: socketFilter(body) },
    }) as ObjectSpec;
  },
  'second-branch': () => {
    const entries = hash(u32, Entry, { maxEntries: 1 });
    const other = label('other');
    const body = [
      call(helper.get_prandom_u32),
      mov(r6, r0),
      lookUp(entries),
      jeq(r6, 7, other),
      done,
      other,
      mov(r6, r0),
      load(w1, Entry.at(r6).flags),
      done,
    ];
    return object({
      license: 'GPL',
      maps: { entries },
      programs: { program: socketFilter(body) },
    }) as ObjectSpec;
  },
  'packet-bounds': () =>
    only(
      tc([load(w1, Context.at(r1, 76).data), mov(r1, r1), load(w0, Packet.at(r1).first), exit()]),
    ),
  'uninitialised-stack': () =>
    only(tc([mov(r2, r10), add(r2, -8), call(helper.skb_load_bytes, r1, 0, r2, -4), done])),
  'stack-bounds': () => only(tc([store(u64.at(r10, -520), 0), done])),
  'endless-loop': () => {
    const top = label('top');
    return only(socketFilter([top, mov(r0, 0), ja(top)]));
  },
  'unreleased-record': () => {
    const events = ringbuf(Entry, { maxEntries: 4096 });
    const full = label('full');
    return object({
      license: 'GPL',
      maps: { events },
      programs: { program: socketFilter([reserve(r6, events, full), full, done]) },
    }) as ObjectSpec;
  },
  'foreign-helper': () => only(socketFilter([call(helper.xdp_adjust_head, r1, 0), done])),
  'callback-return': () => {
    const step = fn('step', 2, [mov(r0, 2), exit()]);
    return only(socketFilter([call(helper.loop, 4, step, 0, 0), done]));
  },
  'global-argument': () => {
    const read = fn('read_it', 1, [load(r0, Entry.at(r1).count), exit()], { global: true });
    return only(socketFilter([mov(r1, r10), call(read, r1), done]));
  },
  'combined-stack': () => {
    const buffer = struct('buffer', { words: u64 });
    const deep = fn('deep', 0, [store(buffer.at(r10, -400).words, 0), mov(r0, 0), exit()]);
    return only(socketFilter([store(u64.at(r10, -400), 0), call(deep), done]));
  },
  'missing-field': () => {
    const Task = kernelStruct('task_struct', { no_such_field: u32 });
    return only(
      tpBtf('sched_switch', [
        call(helper.get_current_task_btf),
        load(w0, Task.at(r0).no_such_field),
        done,
      ]),
    );
  },
  'new-instruction': () => {
    const out = label('out');
    return only(socketFilter([mov(r0, 0), mov(r1, 2), jeq(r0, 1, out), gotox(r1), out, exit()]));
  },
};
