import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as attr from '../../src/syscall/bpf-attr.ts';
import { BTF_INFO, LINK_INFO, MAP_INFO, PROG_INFO } from '../../src/syscall/info-fields.ts';
import { PERF_EVENT_ATTR } from '../../src/syscall/perf-event.ts';
import { BPF_LINK_TYPE, BPF_MAP_TYPE, BPF_PROG_TYPE } from '../../src/syscall/types.ts';

interface Fields {
  readonly [name: string]: number | Fields;
}

const has = (command: string) => {
  try {
    execFileSync(command, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};
const missing = [
  !has('cc') && 'no C compiler',
  !has('bpftool') && 'no bpftool',
  !existsSync('/sys/kernel/btf/vmlinux') && 'no BTF of the kernel',
].find(Boolean);

/** `offsetof` for every field, by its path: `batch.in_batch`. Fields of newer kernels are left out. */
function offsetsByCompiler(type: string, paths: readonly string[], header: string): number[] {
  const directory = mkdtempSync(join(tmpdir(), 'beespoke-'));
  try {
    const source = join(directory, 'offsets.c');
    const program = join(directory, 'offsets');
    const rows = paths.map((path) => `printf("%zu\\n", offsetof(${type}, ${path}));`);
    writeFileSync(
      source,
      `#include <stdio.h>\n#include <stddef.h>\n${header}\nint main(void) { ${rows.join('\n')} }\n`,
    );
    execFileSync('cc', ['-w', '-o', program, source]);
    return execFileSync(program, { encoding: 'utf8' }).trim().split('\n').map(Number);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The declarations of these types as the running kernel has them, from its BTF. */
function declarations(...types: string[]): string {
  const all = execFileSync(
    'bpftool',
    ['btf', 'dump', 'file', '/sys/kernel/btf/vmlinux', 'format', 'c'],
    {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    },
  );
  const scalars =
    'typedef unsigned char __u8; typedef unsigned short __u16; typedef unsigned int __u32; typedef int __s32; ' +
    'typedef unsigned long long __u64;\n';
  const bodies = types.map((type) => {
    const start = all.indexOf(`\n${type} {`);
    return all.slice(start, all.indexOf('\n};', start) + 4);
  });
  return scalars + bodies.join('');
}

function flatten(fields: Fields, prefix = ''): [path: string, offset: number][] {
  return Object.entries(fields)
    .filter(([name]) => name !== 'size')
    .flatMap(([name, value]): [string, number][] =>
      typeof value === 'number' ? [[prefix + name, value]] : flatten(value, `${prefix}${name}.`),
    );
}

/** Which member of union bpf_attr each table describes; '' for the anonymous ones. */
const MEMBERS: readonly [member: string, fields: Fields][] = [
  ['', attr.MAP_CREATE_ATTR],
  ['', attr.MAP_ELEM_ATTR],
  ['batch.', attr.MAP_BATCH_ATTR],
  ['', attr.PROG_LOAD_ATTR],
  ['', attr.OBJ_ATTR],
  ['', attr.PROG_ATTACH_ATTR],
  ['query.', attr.PROG_QUERY_ATTR],
  ['test.', attr.PROG_TEST_RUN_ATTR],
  ['', attr.GET_ID_ATTR],
  ['info.', attr.INFO_ATTR],
  ['raw_tracepoint.', attr.RAW_TRACEPOINT_ATTR],
  ['', attr.BTF_LOAD_ATTR],
  ['task_fd_query.', attr.TASK_FD_QUERY_ATTR],
  ['link_create.', attr.LINK_CREATE_ATTR],
  ['link_update.', attr.LINK_UPDATE_ATTR],
  ['link_detach.', attr.LINK_DETACH_ATTR],
  ['enable_stats.', attr.ENABLE_STATS_ATTR],
  ['iter_create.', attr.ITER_CREATE_ATTR],
  ['prog_bind_map.', attr.PROG_BIND_MAP_ATTR],
  ['token_create.', attr.TOKEN_CREATE_ATTR],
  ['prog_stream_read.', attr.PROG_STREAM_READ_ATTR],
];

describe.skipIf(missing)(`the tables of offsets${missing ? ` (skipped: ${missing})` : ''}`, () => {
  const header = missing
    ? ''
    : declarations(
        'union bpf_attr',
        'struct bpf_prog_info',
        'struct bpf_map_info',
        'struct bpf_btf_info',
        'struct bpf_link_info',
        'struct perf_event_attr',
      );

  const agree = (type: string, expected: [string, number][]) => {
    // A kernel older than the tables lacks fields; it cannot speak about those.
    const known = expected.filter(([path]) =>
      path.split('.').every((part) => header.includes(part)),
    );
    const offsets = offsetsByCompiler(
      type,
      known.map(([path]) => path),
      header,
    );
    expect(Object.fromEntries(known)).toEqual(
      Object.fromEntries(known.map(([path], i) => [path, offsets[i]])),
    );
    expect(known.length).toBeGreaterThan(expected.length * 0.8);
  };

  it('has the attributes of bpf(2) where a C compiler puts them', () => {
    agree(
      'union bpf_attr',
      MEMBERS.flatMap(([member, fields]) => flatten(fields, member)),
    );
  });

  it('has the info structs where a C compiler puts them', () => {
    // A bit field has no offset.
    const prog = flatten(PROG_INFO).filter(([path]) => path !== 'gpl_compatible');
    agree('struct bpf_prog_info', prog);
    agree('struct bpf_map_info', flatten(MAP_INFO));
    agree('struct bpf_btf_info', flatten(BTF_INFO));
    agree('struct bpf_link_info', flatten(LINK_INFO));
  });

  it('has perf_event_attr where a C compiler puts it', () => {
    const { flags, attr_size, ...fields } = PERF_EVENT_ATTR;
    agree('struct perf_event_attr', [...flatten(fields), ['size', attr_size]]);
    expect(flags).toBe(PERF_EVENT_ATTR.read_format + 8);
  });
});

describe.skipIf(missing)('the tables of numbers', () => {
  it('has the numbers of the running kernel', () => {
    const raw = execFileSync('bpftool', ['btf', 'dump', 'file', '/sys/kernel/btf/vmlinux'], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    const numbers = new Map(
      [...raw.matchAll(/^\t'(BPF_\w+)' val=(\d+)$/gm)].map(([, name, value]) => [
        name,
        Number(value),
      ]),
    );
    for (const table of [attr.BPF_CMD, BPF_MAP_TYPE, BPF_PROG_TYPE, BPF_LINK_TYPE]) {
      for (const [name, value] of Object.entries(table)) {
        if (numbers.has(name)) expect([name, numbers.get(name)]).toEqual([name, value]);
      }
    }
    expect(numbers.get('BPF_LINK_CREATE')).toBe(28);
  });
});
