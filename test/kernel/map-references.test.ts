import { closeSync, openSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMap } from '../../src/kernel/map-create.ts';
import { struct, u8, u32, u64 } from '../../src/layout/index.ts';
import {
  arrayOfMaps,
  cgroupArray,
  hash,
  hashOfMaps,
  NotFoundError,
  progArray,
  ringbuf,
} from '../../src/object/index.ts';
import { FileDescriptor, openDescriptors, progInfo } from '../../src/syscall/index.ts';
import { kernel, noBpf, returns, socketFilter } from '../syscall/support.ts';

const inner = hash(u32, u64, { maxEntries: 8 });
const Key = struct('key', { pid: u32, kind: u8 });

describe.skipIf(noBpf)(kernel('a map of maps'), () => {
  it('holds maps by index', () => {
    using outer = createMap('byCpu', arrayOfMaps(inner, { maxEntries: 2 }));
    using map = createMap('first', inner);
    expect(outer.get(0)).toBeUndefined();
    outer.set(0, map);
    expect(outer.get(0)).toBe(map.info().id);
    using other = createMap('second', inner);
    outer.set(0, other);
    expect(outer.get(0)).toBe(other.info().id);
    expect(outer.delete(0)).toBe(true);
    expect(outer.delete(0)).toBe(false);
    expect(outer.get(0)).toBeUndefined();
    expect(() => outer.set(2, map)).toThrow('map byCpu has no index 2: it has 2 entries');
  });

  it('holds maps by key', () => {
    using outer = createMap('byKey', hashOfMaps(Key, inner, { maxEntries: 1 }));
    using map = createMap('first', inner);
    outer.set({ pid: 1, kind: 2 }, map);
    expect(outer.get({ pid: 1, kind: 2 })).toBe(map.info().id);
    expect(() => outer.set({ pid: 2, kind: 2 }, map)).toThrow('map byKey is full: 1 entry');
    expect(() => outer.get({ pid: 'x' as never, kind: 2 })).toThrow(/^map byKey, key: key.pid/);
    expect(outer.delete({ pid: 1, kind: 2 })).toBe(true);
  });

  it('keeps a map alive that was closed', () => {
    using outer = createMap('keeper', arrayOfMaps(inner, { maxEntries: 1 }));
    const map = createMap('kept', inner);
    const { id } = map.info();
    outer.set(0, map);
    map.close();
    expect(outer.get(0)).toBe(id);
  });

  it('refuses a map of another shape, and says which', () => {
    using outer = createMap('shaped', hashOfMaps(u32, inner, { maxEntries: 4 }));
    using wrong = createMap('wrong', hash(u32, u32, { maxEntries: 8 }));
    expect(() => outer.set(0, wrong)).toThrow(
      'map shaped: what it holds is shaped as its inner map, a hash, in type, sizes and flags',
    );
  });

  it('takes ring buffers as inner maps, and makes no map that it does not close', () => {
    const before = openDescriptors();
    const rings = createMap('rings', arrayOfMaps(ringbuf(u64), { maxEntries: 2 }));
    expect(openDescriptors()).toBe(before + 1);
    rings.close();
    expect(() => rings.get(0)).toThrow('map rings is closed');
    expect(() => rings.set(0, { fd: 0 })).toThrow('map rings is closed');
  });

  it('takes its shape from a given map', () => {
    using shape = createMap('shape', inner);
    const spec = { ...arrayOfMaps(inner, { maxEntries: 2 }), inner: undefined };
    using outer = createMap('outer', spec as ReturnType<typeof arrayOfMaps>, {
      innerFd: shape.fd,
    });
    outer.set(1, shape);
    expect(outer.get(1)).toBe(shape.info().id);
    expect(() => createMap('outer', spec as ReturnType<typeof arrayOfMaps>)).toThrow(
      'map outer: array_of_maps needs the spec of what it holds',
    );
  });
});

describe.skipIf(noBpf)(kernel('an array of programs'), () => {
  it('holds programs by index', () => {
    using programs = createMap('next', progArray({ maxEntries: 2 }));
    using program = new FileDescriptor(socketFilter(returns(7)).fd, 'program');
    expect(programs.get(0)).toBeUndefined();
    programs.set(0, program);
    expect(programs.get(0)).toBe(progInfo(program.fd).id);
    expect(programs.delete(0)).toBe(true);
    expect(programs.delete(0)).toBe(false);
  });

  it('refuses what is no program', () => {
    using programs = createMap('next', progArray({ maxEntries: 2 }));
    using map = createMap('map', inner);
    expect(() => programs.set(0, map)).toThrow(/map next/);
    expect(() => programs.set(-1, map)).toThrow(/^map next, index: u32: expected a u32/);
  });
});

/** Where cgroup2 is mounted. */
const cgroup2 = readFileSync('/proc/self/mounts', 'utf8')
  .split('\n')
  .map((line) => line.split(' '))
  .find(([, , type]) => type === 'cgroup2')?.[1];

describe.skipIf(noBpf)(kernel('an array of cgroups'), () => {
  it.skipIf(!cgroup2)('takes the path or a descriptor of a cgroup', () => {
    using cgroups = createMap('groups', cgroupArray({ maxEntries: 2 }));
    const fds = () => openSync('/dev/null', 'r');
    const before = fds();
    closeSync(before);
    cgroups.set(0, cgroup2!);
    const after = fds();
    closeSync(after);
    expect(after).toBe(before);
    const fd = openSync(cgroup2!, 'r');
    try {
      cgroups.set(1, fd);
    } finally {
      closeSync(fd);
    }
    expect(cgroups.delete(0)).toBe(true);
    expect(cgroups.delete(0)).toBe(false);
    expect(() => cgroups.set(2, cgroup2!)).toThrow('map groups has no index 2: it has 2 entries');
  });

  it('says when a path is no cgroup', () => {
    using cgroups = createMap('groups', cgroupArray({ maxEntries: 2 }));
    for (const path of ['/tmp', '/proc/self/stat', '/does/not/exist']) {
      const set = () => cgroups.set(0, path);
      expect(set).toThrow(NotFoundError);
      expect(set).toThrow(`${path} is not a directory of a cgroup2 file system`);
    }
    const folder = openSync('/tmp', 'r');
    try {
      expect(() => cgroups.set(0, folder)).toThrow(
        `map groups: descriptor ${folder} is not a directory of a cgroup2 file system`,
      );
    } finally {
      closeSync(folder);
    }
    cgroups.close();
    expect(() => cgroups.set(0, '/tmp')).toThrow('map groups is closed');
  });
});
