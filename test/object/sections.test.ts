import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { HOOKS, type HookType, parseSection } from '../../src/object/index.ts';

/** Prints the numbers that libbpf has for the section names in its arguments; -1 for what it does not know. */
const SOURCE = `
#include <stdio.h>
#include <bpf/libbpf.h>
static int quiet(enum libbpf_print_level level, const char *format, va_list args) { return 0; }
int main(int argc, char **argv) {
  libbpf_set_print(quiet);
  for (int i = 1; i < argc; i++) {
    enum bpf_prog_type type = 0; enum bpf_attach_type attach = 0;
    int known = !libbpf_prog_type_by_name(argv[i], &type, &attach);
    printf("%d %d\\n", known ? (int)type : -1, known ? (int)attach : -1);
  }
}`;

/** What came after libbpf 1.1, which Debian 12 has. */
const NEWER =
  /^(uprobe\.multi|uretprobe\.multi|uprobe\.session|kprobe\.session|fsession|fentry\.multi|fexit\.multi|netfilter|netkit|tcx|tc\/|.*_unix|lsm_cgroup|struct_ops\.s|usdt\.s|raw_tp\.s|tracepoint\.s|tp_btf\.s|sk_skb\/verdict)/;

describe('section names', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sections-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('have the numbers that libbpf gives them', () => {
    const types = (Object.keys(HOOKS) as HookType[]).filter((type) => type !== 'unspec');
    const sections = types.map((type) => (HOOKS[type].named ? `${type}/x` : type));
    const program = join(folder, 'sections');
    execFileSync('cc', ['-x', 'c', '-', '-o', program, '-lbpf'], { input: SOURCE });
    const theirs = execFileSync(program, sections, { encoding: 'utf8' }).trimEnd().split('\n');
    const unknown: string[] = [];
    sections.forEach((section, i) => {
      const hook = parseSection(section)!;
      const { program, attach } = HOOKS[hook.type];
      if (theirs[i] === '-1 -1') unknown.push(section);
      else expect(`${section} ${program} ${attach}`).toBe(`${section} ${theirs[i]}`);
    });
    expect(unknown.filter((section) => !NEWER.test(section))).toEqual([]);
    expect(sections.length - unknown.length).toBeGreaterThan(70);
  });

  it.each([
    ['tp/sched/sched_switch', { type: 'tracepoint', category: 'sched', name: 'sched_switch' }],
    ['tracepoint/a', { type: 'tracepoint', category: '', name: 'a' }],
    ['tracepoint', { type: 'tracepoint', category: '', name: '' }],
    ['raw_tracepoint.w/x', { type: 'raw_tp.w', name: 'x' }],
    ['kprobe/tc', { type: 'kprobe', name: 'tc' }],
    ['kprobe', { type: 'kprobe', name: '' }],
    ['uprobe//usr/bin/bash:readline', { type: 'uprobe', name: '/usr/bin/bash:readline' }],
    ['usdt/libc.so.6:libc:setjmp', { type: 'usdt', name: 'libc.so.6:libc:setjmp' }],
    ['fentry.s/vfs_read', { type: 'fentry.s', name: 'vfs_read' }],
    ['classifier', { type: 'tc', name: '' }],
    ['xdp.frags/cpumap', { type: 'xdp.frags/cpumap', name: '' }],
  ])('name a hook: %s', (section, hook) => {
    expect(parseSection(section)).toEqual({ section, ...hook });
  });

  it.each(['', 'unspec', 'xdp/other', 'socket/x', 'kprobes/x', '/kprobe', 'constructor', 'tc/x'])(
    'are not known to libbpf either: %j',
    (section) => {
      expect(parseSection(section)).toBeUndefined();
    },
  );
});
