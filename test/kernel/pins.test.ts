import { existsSync, readdirSync, rmdirSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type AnyMapSpec,
  add,
  arrayOfMaps,
  hash,
  lea,
  object,
  type ProgramSpec,
  parseSection,
  r1,
  rawTracepoint,
  ringbuf,
  socketFilter,
  u32,
  u64,
} from '../../src/index.ts';
import { Link, type LoadOptions, loadObject, openMap, unpin } from '../../src/kernel/index.ts';
import type { MapBase } from '../../src/kernel/map-base.ts';
import { createMapDescriptor } from '../../src/kernel/map-descriptor.ts';
import { pinnedMap } from '../../src/kernel/map-sharing.ts';
import {
  FileDescriptor,
  linkCreate,
  linkInfo,
  mapInfo,
  objGet,
  progInfo,
} from '../../src/syscall/index.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { BpfFileSystem, noFileSystem } from './bpf-file-system.ts';
import { done, holdings, only, thrown } from './object-support.ts';

const reason = noBpf ?? noFileSystem;
const title = (text: string) => (reason === noBpf ? kernel(text) : `${text} (skipped: ${reason})`);

const pinned = <S extends AnyMapSpec>(spec: S): S => ({ ...spec, pinned: true });

describe.skipIf(reason)(title('what is pinned'), () => {
  let files: BpfFileSystem;
  let before: ReturnType<typeof holdings>;
  beforeAll(() => {
    files = new BpfFileSystem();
    before = holdings();
  });
  afterEach(() => {
    for (const name of readdirSync(files.path)) {
      if (!name.endsWith('.debug')) unpin(`${files.path}/${name}`);
    }
    expect(holdings()).toEqual(before);
  });
  afterAll(() => files.close());
  const left = () => readdirSync(files.path).filter((name) => !name.endsWith('.debug'));

  const load = <S extends AnyMapSpec>(
    shared: S,
    program: ProgramSpec = socketFilter(done),
    more: LoadOptions = {},
  ) =>
    loadObject(object({ license: 'GPL', maps: { shared }, programs: { program } }), {
      pinPath: files.path,
      ...more,
    });

  it('is found by the next object that has a map of that name', () => {
    const spec = pinned(hash(u32, u64, { maxEntries: 8 }));
    {
      using first = load(spec);
      first.maps.shared.set(1, 4711n);
      expect(left()).toEqual(['shared']);
    }
    using second = load(spec);
    expect(second.maps.shared.get(1)).toBe(4711n);
    using found = openMap(new FileDescriptor(objGet(`${files.path}/shared`), 'it'), 'it', spec);
    expect(found.info().id).toBe(second.maps.shared.info().id);
  });

  it('is shared when it is a ring buffer', () => {
    const spec = pinned(ringbuf(u64, { maxEntries: 4096 }));
    load(spec).close();
    using again = load(spec);
    expect(again.maps.shared.lost).toBe(0);
  });

  it('keeps what it holds when it is a map of maps', () => {
    const inner = hash(u32, u64, { maxEntries: 8 });
    const shared = { ...arrayOfMaps(inner, { maxEntries: 2 }), pinned: true, initial: [inner] };
    const spec = object({
      license: 'GPL',
      maps: { shared, inner },
      programs: { program: socketFilter(done) },
    });
    const id = (tool: { maps: { inner: MapBase } }) => tool.maps.inner.info().id;
    using first = loadObject(spec, { pinPath: files.path });
    expect(first.maps.shared.get(0)).toBe(id(first));
    using second = loadObject(spec, { pinPath: files.path });
    expect(second.maps.shared.get(0)).toBe(id(first));
    expect(id(second)).not.toBe(id(first));
  });

  it('is that of another process that was faster', () => {
    const spec = pinned(hash(u32, u64, { maxEntries: 8 }));
    let theirs: number | undefined;
    const told: string[] = [];
    using found = pinnedMap('shared', spec, {
      directory: files.path,
      create: () => {
        {
          using first = load(spec);
          theirs = first.maps.shared.info().id;
        }
        return createMapDescriptor('shared', spec);
      },
      pinned: (path) => told.push(path),
    });
    expect([mapInfo(found.fd).id, told]).toEqual([theirs, []]);
  });

  it('has a file name without dots and slashes', () => {
    const maps = { 'a.b/c': pinned(hash(u32, u64, { maxEntries: 8 })) };
    // Only a file can have such a name.
    const spec = { ...only(socketFilter(done)), maps };
    loadObject(spec, { pinPath: files.path }).close();
    expect(left()).toEqual(['a_b_c']);
  });

  it('is refused when it is another kind of map, with the differences', () => {
    load(pinned(hash(u32, u64, { maxEntries: 8 }))).close();
    const at = `map shared: what is pinned at ${files.path}/shared is another map:`;
    const end = 'remove it, or give another pinPath';
    expect(thrown(() => load(pinned(hash(u64, u64, { maxEntries: 9, flags: 1 })))).message).toBe(
      `${at} key size 4, not 8, max_entries 8, not 9, flags 0, not 1; ${end}`,
    );
    expect(thrown(() => load(pinned(ringbuf(u64, { maxEntries: 4096 })))).message).toMatch(
      `${at} type hash, not ringbuf, key size 4, not 0, value size 8, not 0, max_entries 8, not 4096; ${end}`,
    );
    expect(left()).toEqual(['shared']);
  });

  it('is unpinned again when the load fails later, unless it was there before', () => {
    const spec = pinned(hash(u32, u64, { maxEntries: 8 }));
    const wrong = () => load(spec, socketFilter([lea(r1, spec), add(r1, 8), done]));
    expect(thrown(wrong).name).toBe('VerifierError');
    expect(left()).toEqual([]);
    load(spec).close();
    expect(thrown(wrong).name).toBe('VerifierError');
    expect(left()).toEqual(['shared']);
  });

  it('gets its directory, if only the last one is missing', () => {
    const spec = pinned(hash(u32, u64, { maxEntries: 8 }));
    const pinPath = `${files.path}/mine`;
    load(spec, undefined, { pinPath }).close();
    try {
      expect(readdirSync(pinPath)).toEqual(['shared']);
    } finally {
      unpin(`${pinPath}/shared`);
      rmdirSync(pinPath);
    }
    const far = `${files.path}/not/there`;
    expect(thrown(() => load(spec, undefined, { pinPath: far })).message).toBe(
      `cannot pin to ${far}/shared: there is no BPF file system; mount one: mount -t bpf bpf /sys/fs/bpf`,
    );
  });

  it('cannot be outside of a BPF file system, and then leaves no directory', () => {
    const spec = pinned(hash(u32, u64, { maxEntries: 8 }));
    const pinPath = `/tmp/no-bpf-here-${process.pid}`;
    expect(thrown(() => load(spec, undefined, { pinPath })).message).toBe(
      `cannot pin to ${pinPath}/shared: there is no BPF file system; mount one: mount -t bpf bpf /sys/fs/bpf`,
    );
    expect(existsSync(pinPath)).toBe(false);
    expect(thrown(() => unpin('/tmp/important')).message).toContain('there is no BPF file system');
  });

  it('outlives its object: programs, maps and links', () => {
    const path = (name: string) => `${files.path}/${name}`;
    let id: number;
    {
      using tool = loadObject(only(rawTracepoint('sys_enter', done)));
      tool.attach();
      id = tool.programs.program.info().id;
      tool.programs.program.pin(path('program'));
      tool.links[0]!.pin(path('link'));
      expect(thrown(() => tool.programs.program.pin(path('program'))).message).toContain(
        'Something is pinned there already',
      );
    }
    using program = new FileDescriptor(objGet(path('program')), 'program');
    using link = new FileDescriptor(objGet(path('link')), 'link');
    expect(progInfo(program.fd).id).toBe(id);
    expect(linkInfo(link.fd).progId).toBe(id);
    using tool = load(hash(u32, u64, { maxEntries: 8 }));
    tool.maps.shared.pin(path('map'));
    expect(left().sort()).toEqual(['link', 'map', 'program']);
  });
});

describe.skipIf(noBpf)(kernel('a link'), () => {
  const iterator = (): ProgramSpec => ({
    ...socketFilter(done),
    hook: parseSection('iter/bpf_map')!,
  });
  const BPF_TRACE_ITER = 28;

  it('gets another program in place of its own', () => {
    using tool = loadObject(
      object({ license: 'GPL', programs: { one: iterator(), two: iterator() } }),
    );
    const { one, two } = tool.programs;
    const fd = linkCreate({ progFd: one.fd, attachType: BPF_TRACE_ITER });
    using link = new Link('iter/bpf_map', 'link', [new FileDescriptor(fd, 'link')]);
    expect(link.info().progId).toBe(one.info().id);
    link.update(two);
    expect(link.info().progId).toBe(two.info().id);
  });

  it('says so when it keeps its program', () => {
    using tool = loadObject(
      object({
        license: 'GPL',
        programs: { one: rawTracepoint('sys_enter', done), two: rawTracepoint('sys_enter', done) },
      }),
    );
    tool.attach();
    expect(thrown(() => tool.links[0]!.update(tool.programs.two)).message).toMatch(
      /^cannot replace the program of the link: EINVAL .*Links of this type keep their program/,
    );
  });
});
