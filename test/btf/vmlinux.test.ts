import { describe, expect, it } from 'vitest';
import { Btf, BtfBuilder, type BtfTypeInput, printAllRaw } from '../../src/btf/index.ts';
import { bpftoolRaw, hasBpftool, hasVmlinux, VMLINUX, vmlinux, vmlinuxBytes } from './support.ts';

describe.skipIf(!hasVmlinux)(`the running kernel's BTF (skipped without ${VMLINUX})`, () => {
  it.skipIf(!hasBpftool)('prints byte for byte like bpftool (skipped without bpftool)', () => {
    // Compared as a boolean: a diff of 12 MB helps nobody.
    expect(printAllRaw(vmlinux()) === bpftoolRaw(VMLINUX)).toBe(true);
  });

  it('finds and decodes task_struct', () => {
    const btf = vmlinux();
    const id = btf.findByName('task_struct', 'struct')!;
    const task = btf.type(id);
    expect(task).toMatchObject({ id, kind: 'struct', name: 'task_struct' });
    if (task.kind !== 'struct') return;
    const pid = task.members.find(({ name }) => name === 'pid')!;
    expect(btf.name(pid.type)).toBe('pid_t');
    expect(btf.resolve(pid.type)).toMatchObject({ kind: 'int', size: 4 });
    const comm = task.members.find(({ name }) => name === 'comm')!;
    expect(btf.sizeOf(comm.type)).toBe(16);
    expect(btf.alignOf(comm.type)).toBe(1);
    expect(btf.sizeOf(id)).toBe(task.size);
    expect(btf.alignOf(id)).toBeGreaterThanOrEqual(8);
    expect(btf.type(id)).toBe(task);
  });

  it('decodes bitfields', () => {
    const btf = vmlinux();
    const task = btf.type(btf.findByName('task_struct', 'struct')!);
    if (task.kind !== 'struct') throw new Error('task_struct is no struct');
    const flag = task.members.find(({ name }) => name === 'sched_reset_on_fork')!;
    expect(flag.bitSize).toBe(1);
  });

  it('finds the same by searching and by the index', () => {
    const names = [
      'task_struct',
      'pid_t',
      'int',
      'bpf_cmd',
      'sk_buff',
      'vfs_read',
      'tcp_sock',
      'no_such_type',
    ];
    const indexed = vmlinux();
    indexed.index();
    for (const name of names) {
      // A new one each time: after a few searches it makes the index by itself.
      expect(vmlinux().findByName(name), name).toBe(indexed.findByName(name));
      expect(vmlinux().candidates(name), name).toEqual(indexed.candidates(name));
    }
    for (const kind of ['struct', 'func', 'typedef'] as const) {
      expect(vmlinux().findByName('task_struct', kind)).toBe(
        indexed.findByName('task_struct', kind),
      );
    }
  });

  it('finds every type by its name', () => {
    const btf = vmlinux();
    for (let id = 1; id <= btf.typeCount; id += 97) {
      const name = btf.name(id);
      if (name === '') continue;
      const found = btf.findByName(name, btf.typeAsWritten(id).kind)!;
      expect(found).toBeLessThanOrEqual(id);
      expect(btf.name(found)).toBe(name);
    }
  });

  it('has a size and an alignment for every struct', () => {
    const btf = vmlinux();
    for (let id = 1; id <= btf.typeCount; id += 7) {
      const type = btf.typeAsWritten(id);
      if (type.kind !== 'struct') continue;
      const align = btf.alignOf(id);
      expect(type.size % align, type.name).toBe(0);
    }
  });

  it('is the same after it was decoded, built and encoded again', () => {
    const btf = vmlinux();
    const builder = new BtfBuilder();
    const ids = Array.from({ length: btf.typeCount }, () => builder.reserve());
    for (const id of ids) builder.define(id, btf.typeAsWritten(id) as BtfTypeInput);
    expect(printAllRaw(builder.build()) === printAllRaw(btf)).toBe(true);
  });

  it('reads bytes that are not aligned to words', () => {
    const shifted = new Uint8Array(vmlinuxBytes().length + 1).subarray(1);
    shifted.set(vmlinuxBytes());
    const btf = new Btf(shifted);
    const id = btf.findByName('task_struct', 'struct')!;
    expect(btf.type(id)).toEqual(vmlinux().type(id));
  });
});
