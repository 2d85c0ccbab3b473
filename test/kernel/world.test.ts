import { describe, expect, it } from 'vitest';
import {
  helper,
  MAP_TYPES,
  type MapType,
  rawTracepoint,
  socketFilter,
  tpBtf,
  tracepoint,
  xdp,
} from '../../src/index.ts';
import { KernelWorld, kernelBtf } from '../../src/kernel/index.ts';
import { parseSection } from '../../src/object/index.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { done, holdings } from './object-support.ts';

const hooks = {
  socket: socketFilter(done).hook,
  xdp: xdp(done).hook,
  tp_btf: tpBtf('sched_switch', done).hook,
  raw_tp: rawTracepoint('sched_switch', done).hook,
  tracepoint: tracepoint('sched/sched_switch', done).hook,
};

describe.skipIf(noBpf)(kernel('the running kernel'), () => {
  const world = new KernelWorld();

  it('has hooks that exist, and no others', () => {
    for (const hook of Object.values(hooks))
      expect([hook.section, world.hasHook(hook)]).toEqual([hook.section, true]);
    expect(world.hasHook(tpBtf('no_such', done).hook)).toBe(false);
    expect(world.hasHook(rawTracepoint('no_such', done).hook)).toBe(false);
    expect(world.hasHook(tracepoint('sched/no_such', done).hook)).toBe(false);
    expect(world.hasHook(tracepoint('no_such/sched_switch', done).hook)).toBe(false);
  });

  it('finds raw tracepoints without BTF', () => {
    const old = new KernelWorld(new Set(['btf']));
    expect(old.btf).toBeUndefined();
    expect(old.hasHook(hooks.tp_btf)).toBe(false);
    expect(old.hasHook(hooks.raw_tp)).toBe(true);
    expect(old.hasHook(rawTracepoint('no_such', done).hook)).toBe(false);
  });

  it('knows which helpers a program may call at a hook', () => {
    const has = (name: keyof typeof helper, hook: keyof typeof hooks) =>
      world.hasHelper(helper[name].id, hooks[hook]);
    expect(has('xdp_adjust_head', 'xdp')).toBe(true);
    expect(has('xdp_adjust_head', 'tp_btf')).toBe(false);
    expect(has('xdp_adjust_head', 'socket')).toBe(false);
    expect(has('get_current_task_btf', 'tp_btf')).toBe(true);
    expect(has('ringbuf_reserve', 'tracepoint')).toBe(true);
    expect(world.hasHelper(9999, hooks.tp_btf)).toBe(false);
  });

  it('has no helpers for programs of a type that it does not know', () => {
    const lirc = parseSection('lirc_mode2')!;
    const isThere = world.configuration('CONFIG_BPF_LIRC_MODE2') === 'y';
    expect(world.hasHelper(helper.rc_repeat.id, lirc)).toBe(isThere);
    expect(world.hasHelper(helper.ktime_get_ns.id, lirc)).toBe(isThere);
  });

  it('has all types of maps that Linux 5.16 has', () => {
    const missing = (Object.keys(MAP_TYPES) as MapType[]).filter((type) => !world.hasMap(type));
    expect(missing).toEqual([]);
  });

  it('lets go of what it asked with', () => {
    const before = holdings();
    const fresh = new KernelWorld();
    for (const type of Object.keys(MAP_TYPES) as MapType[]) fresh.hasMap(type);
    fresh.hasHelper(helper.ktime_get_ns.id, hooks.xdp);
    void fresh.isaV4;
    expect(holdings()).toEqual(before);
  });

  it('hides what it shall do without', () => {
    const old = new KernelWorld(new Set(['tp_btf', 'raw_tp', 'ringbuf', 'isaV4']));
    expect([
      old.hasHook(hooks.tp_btf),
      old.hasHook(hooks.raw_tp),
      old.hasHook(hooks.tracepoint),
      old.hasMap('ringbuf'),
      old.hasMap('hash'),
      old.isaV4,
    ]).toEqual([false, false, true, false, true, false]);
  });

  it('has its BTF once', () => {
    expect(kernelBtf()).toBe(kernelBtf());
    expect(world.btf).toBe(kernelBtf());
  });

  it('says what to give a tp_btf program', () => {
    expect(world.attachment(hooks.tracepoint)).toEqual({});
    const { expectedAttachType, attachBtfId } = world.attachment(hooks.tp_btf);
    expect(expectedAttachType).toBe(23);
    expect(kernelBtf()!.name(attachBtfId!)).toBe('btf_trace_sched_switch');
  });
});
