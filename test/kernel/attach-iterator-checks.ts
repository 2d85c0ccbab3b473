/** Checks of iterators, each over something that there is: what this process has, or what the check makes for it. */
import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import {
  type AnyMapSpec,
  atomicAdd,
  globals,
  hookArguments,
  iter,
  ja,
  jne,
  label,
  lea,
  load,
  mov,
  object,
  pointer,
  r1,
  r2,
  r3,
  sleepable,
  struct,
  u32,
  u64,
} from '../../src/index.ts';
import { type AttachOptions, kernelBtf } from '../../src/kernel/index.ts';
import { BpfError, closeFd, mapUpdate } from '../../src/syscall/index.ts';
import { loadKoffi } from '../../src/syscall/koffi.ts';
import { openSocket } from '../../src/syscall/sockets.ts';
import { inCgroup } from './attach-cgroup-checks.ts';
import { type Check, fdOf, udp, withObject } from './attach-support.ts';
import { done } from './checks.ts';

/** What there is to see. It ends when `use` has. */
type Stage = (use: (options: AttachOptions) => void) => void | Promise<void>;

interface Iterated {
  readonly name: string;
  readonly since: string;
  readonly option?: string;
  readonly stage?: Stage;
  /** Of one that sees the elements of a map: the map, which `stage` fills. */
  readonly map?: AnyMapSpec;
}

const Counted = struct('counted', { items: u64.number, ends: u64.number });

/** Counts the items, and the run without an item that most end with. */
const counting = ({ name, map }: Iterated, mayWait: boolean) => {
  const counted = globals(Counted);
  const [item, count] = [label('item'), label('count')];
  const args = hookArguments({ arg1: pointer(), arg2: pointer() }).at(r1);
  const program = iter(name, [
    // The first after the numbers of the run is the item, or the map that it is in.
    load(r3, map ? args.arg2 : args.arg1),
    lea(r1, counted),
    mov(r2, 1),
    jne(r3, 0, item),
    atomicAdd(Counted.at(r1).ends, r2),
    ja(count),
    item,
    atomicAdd(Counted.at(r1).items, r2),
    count,
    done,
  ]);
  return object({
    license: 'GPL',
    maps: { counted, ...(map && { map }) } as {
      readonly counted: typeof counted;
      readonly map: AnyMapSpec;
    },
    programs: { count: mayWait ? sleepable(program) : program },
  });
};

const alone: Stage = (use) => use({});

/** With a socket of this process. */
const beside =
  (open: () => { close(): unknown } | Promise<{ close(): unknown }>): Stage =>
  async (use) => {
    const opened = await open();
    try {
      use({});
    } finally {
      opened.close();
    }
  };

const listening = async (path?: string) => {
  const server = createServer();
  await new Promise<void>((resolve) =>
    path === undefined ? server.listen(0, '127.0.0.1', resolve) : server.listen(path, resolve),
  );
  return server;
};

const socket = (family: number, type: number) => {
  const fd = openSocket(family, type, 0);
  return { close: () => closeFd(fd) };
};
const [AF_NETLINK, SOCK_RAW] = [16, 3];

/** `struct dma_heap_allocation_data`: bytes, what becomes a descriptor, flags of it, flags of the heap. */
const DMA_HEAP_IOCTL_ALLOC = 0xc018_4800;
const dmaBuffer = () => {
  const heap = openSync('/dev/dma_heap/system', 'r');
  try {
    const ioctl = loadKoffi().load(null).func('ioctl', 'int', ['int', 'ulong', 'void *']);
    const allocation = new Uint8Array(24);
    const view = new DataView(allocation.buffer);
    view.setBigUint64(0, 4096n, true);
    assert.equal(ioctl(heap, DMA_HEAP_IOCTL_ALLOC, allocation), 0);
    const fd = view.getUint32(8, true);
    return { close: () => closeFd(fd) };
  } finally {
    closeSync(heap);
  }
};

const BPF_F_NO_PREALLOC = 1;

const storage = (type: 'sk_storage' | 'sockmap'): AnyMapSpec => ({
  kind: 'map',
  type,
  key: u32,
  value: u32,
  maxEntries: type === 'sockmap' ? 1 : 0,
  flags: type === 'sockmap' ? 0 : BPF_F_NO_PREALLOC,
  extra: 0,
  bufferSize: 0,
});

const ITERATED: readonly Iterated[] = [
  { name: 'task_file', since: '5.8' },
  { name: 'task_vma', since: '5.12' },
  { name: 'bpf_map', since: '5.8' },
  { name: 'bpf_prog', since: '5.9' },
  { name: 'bpf_link', since: '5.19' },
  { name: 'bpf_sk_storage_map', since: '5.9', map: storage('sk_storage') },
  { name: 'sockmap', since: '5.10', map: storage('sockmap') },
  { name: 'ipv6_route', since: '5.8', option: 'CONFIG_IPV6' },
  { name: 'netlink', since: '5.8', stage: beside(() => socket(AF_NETLINK, SOCK_RAW)) },
  { name: 'tcp', since: '5.9', stage: beside(() => listening()) },
  { name: 'udp', since: '5.9', stage: beside(() => udp()) },
  { name: 'unix', since: '5.15', stage: beside(() => listening(`\0beespoke-${process.pid}`)) },
  { name: 'ksym', since: '6.0', option: 'CONFIG_KALLSYMS' },
  { name: 'cgroup', since: '6.1', stage: (use) => inCgroup((cgroup) => use({ cgroup })) },
  { name: 'kmem_cache', since: '6.14' },
  {
    name: 'dmabuf',
    since: '6.16',
    option: 'CONFIG_DMABUF_HEAPS_SYSTEM',
    stage: beside(dmaBuffer),
  },
];

/** Reads it to its end, twice. */
const iterates = (iterated: Iterated, mayWait = false): Promise<void> =>
  withObject(counting(iterated, mayWait), async ({ programs: { count }, maps }) => {
    const { counted, map } = maps;
    const own = iterated.map && (await udp());
    const { stage = alone } = iterated;
    try {
      const sees = own && !put(iterated, map.fd, fdOf(own)) ? 'ends' : 'items';
      await stage((options) => {
        using link = count.attach(own ? { map } : options);
        let before = 0;
        for (let run = 0; run < 2; run++) {
          using file = link.open();
          file.bytes();
          const seen = counted.get(sees);
          assert.ok(seen > before, 'it has seen nothing');
          before = seen;
        }
      });
    } finally {
      own?.close();
    }
  });

/**
 * Puts what a socket has into a storage, or the socket into a map. False where there is no memory for it: Linux 7.2 gets
 * it without locks, which needs cmpxchg16b, and machines under emulation do without that (test/kernels/machines.ts).
 */
const put = ({ map }: Iterated, fd: number, socket: number): boolean => {
  const word = (value: number) => new Uint8Array(Uint32Array.of(value).buffer);
  const [key, value] = map?.type === 'sk_storage' ? [socket, 1] : [0, socket];
  try {
    mapUpdate(fd, word(key), word(value));
    return true;
  } catch (error) {
    const isEmulated = !/\bcx16\b/.test(readFileSync('/proc/cpuinfo', 'latin1'));
    if (error instanceof BpfError && error.code === 'ENOMEM' && isEmulated) return false;
    throw error;
  }
};

/** The iterators that have a row. */
const KNOWN: ReadonlySet<string> = new Set([
  'task',
  'bpf_map_elem',
  ...ITERATED.map(({ name }) => name),
]);

export const iteratorChecks: readonly Check[] = [
  ...ITERATED.map(
    (iterated): Check => ({
      name: `an iterator sees what there is of ${iterated.name}`,
      hook: `iter/${iterated.name}`,
      way: 'link',
      since: iterated.since,
      ...(iterated.option !== undefined && { option: iterated.option }),
      run: () => iterates(iterated),
    }),
  ),
  {
    name: 'an iterator that may sleep sees the tasks',
    hook: 'iter.s',
    way: 'link',
    since: '5.18',
    run: () => iterates({ name: 'task', since: '5.8' }, true),
  },
  {
    name: 'every iterator of this kernel has a row',
    hook: 'iter/task',
    since: '5.8',
    run: () => {
      // Their contexts are structs of the kernel's: bpf_iter__task.
      const names = kernelBtf()!
        .all()
        .flatMap(
          ({ kind, name }) =>
            (kind === 'struct' && /^bpf_iter__([a-z\d_]+)$/.exec(name)?.[1]) || [],
        )
        .filter((name) => !name.includes('__'));
      assert.ok(names.includes('task'));
      assert.deepEqual(
        names.filter((name) => !KNOWN.has(name)),
        [],
      );
    },
  },
];
