import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readObject } from '../../src/elf/index.ts';
import { needsTypes, TypeInfo } from '../../src/object/index.ts';
import { objectFile } from '../objects/judge.ts';

/** What the maps of an object of test/objects/src need their types for. */
const of = (name: string) => {
  const spec = readObject(readFileSync(objectFile(name)));
  const types = new TypeInfo(spec.types);
  return Object.fromEntries(
    Object.entries(spec.maps).map(([map, each]) => [map, needsTypes(each, types)]),
  );
};

describe('what maps need their types for', () => {
  it('is locks, timers, lists, and pointers of the kernel, however deep they are', () => {
    expect(of('locks')).toMatchInlineSnapshot(`
      {
        ".bss": undefined,
        ".data.guarded": "holds a bpf_spin_lock",
        "holders": "holds a kptr pointer",
        "values": "holds a bpf_spin_lock",
      }
    `);
    expect(of('callbacks')).toMatchInlineSnapshot(`
      {
        ".bss": undefined,
        ".rodata.cst16": undefined,
        "commands": undefined,
        "counts": undefined,
        "queue": "holds a bpf_wq",
        "timers": "holds a bpf_timer",
      }
    `);
    expect(of('graphs')).toMatchInlineSnapshot(`
      {
        ".data.list": "holds a bpf_list_head",
        ".data.tree": "holds a bpf_rb_root",
      }
    `);
  });

  it('is local storage', () => {
    expect(of('maps-storage')).toMatchInlineSnapshot(`
      {
        "attached": undefined,
        "attached_percpu": undefined,
        "cgroups": "is of type cgrp_storage",
        "inodes": "is of type inode_storage",
        "sockets": "is of type sk_storage",
        "tasks": "is of type task_storage",
      }
    `);
  });

  it('is nothing for other maps', () => {
    expect(Object.values(of('maps')).filter((each) => each !== undefined)).toEqual([]);
  });
});
