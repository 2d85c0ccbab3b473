import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  Btf,
  BtfBuilder,
  type BtfComposite,
  printC,
  printDeclaration,
} from '../../src/btf/index.ts';
import { ElfFile } from '../../src/elf/index.ts';
import { checkC, checksOf, compileC, hasGcc } from './c-support.ts';
import { errorOf } from './support.ts';

const golden = (name: string): string => join(import.meta.dirname, '../golden/btf', name);

/** The BTF that gcc makes of c-layouts.c. */
const gccLayouts = (): Btf => {
  const folder = mkdtempSync(join(tmpdir(), 'btf-c-'));
  try {
    const object = join(folder, 'layouts.o');
    execFileSync('gcc', ['-gbtf', '-c', golden('c-layouts.c'), '-o', object]);
    return new Btf(new ElfFile(readFileSync(object)).section('.BTF')!.data);
  } finally {
    rmSync(folder, { recursive: true });
  }
};

const namedComposites = (btf: Btf): BtfComposite[] =>
  Array.from({ length: btf.typeCount }, (_, index) => btf.type(index + 1)).flatMap((type) =>
    (type.kind === 'struct' || type.kind === 'union') && type.name !== '' ? [type] : [],
  );

describe.skipIf(!hasGcc)('layouts that BTF has no words for (skipped without gcc)', () => {
  it.each([
    ['gcc', gccLayouts],
    ['clang', () => new Btf(readFileSync(golden('c-layouts.btf')))],
  ])('are the same again after %s and the printer', (_, read) => {
    const btf = read();
    const checks = namedComposites(btf).flatMap((type) => checksOf(btf, type));
    expect(checks.length).toBe(155);
    expect(checkC(printC(btf), checks)).toBe('');
  });

  it('would be found different if they were', () => {
    const text = 'struct s { int a : 3, b : 4; char c; };\n';
    expect(checkC(text, ['SIZE(struct s, 4)', 'BITS(struct s, b, 3, 4)'])).toBe('');
    expect(checkC(text, ['SIZE(struct s, 8)'])).toMatch(/sizeof struct s/);
    expect(checkC(text, ['FIELD(struct s, c, 2, 1)'])).toMatch(/offset of struct s.c/);
    expect(checkC(text, ['BITS(struct s, b, 4, 4)'])).toBe('struct s.b\n');
  });
});

/** What is built, as C, which gcc takes where there is one. */
const printed = (build: (b: BtfBuilder) => Iterable<number> | undefined, needsNothing = true) => {
  const b = new BtfBuilder();
  const ids = build(b);
  const text = printC(b.build(), ids);
  if (hasGcc && needsNothing) expect(compileC(text, ['-Wno-attributes'])).toBe('');
  return text;
};

const int = (b: BtfBuilder): number => b.int('int', 4, 'signed');

describe('declarators', () => {
  const declared = (build: (b: BtfBuilder) => number, name = 'x'): string => {
    const b = new BtfBuilder();
    const id = build(b);
    return printDeclaration(b.build(), id, name);
  };

  it.each<[string, (b: BtfBuilder) => number]>([
    ['int x', int],
    ['void *x', (b) => b.ptr(0)],
    ['const int *x', (b) => b.ptr(b.const(int(b)))],
    ['int *const x', (b) => b.const(b.ptr(int(b)))],
    [
      'const volatile int **restrict x',
      (b) => b.restrict(b.ptr(b.ptr(b.const(b.volatile(int(b)))))),
    ],
    ['int x[2][3]', (b) => b.array(b.array(int(b), 3), 2)],
    ['const int x[2]', (b) => b.const(b.array(b.const(int(b)), 2))],
    ['int (*x)[3]', (b) => b.ptr(b.array(int(b), 3))],
    ['int *x[3]', (b) => b.array(b.ptr(int(b)), 3)],
    ['int *(*const x[3])[2]', (b) => b.array(b.const(b.ptr(b.array(b.ptr(int(b)), 2))), 3)],
    ['int (*x)(void)', (b) => b.ptr(b.funcProto(int(b)))],
    ['int (*x)(void)', (b) => b.ptr(b.funcProto(int(b), [{ name: '', type: 0 }]))],
    [
      'void (*x)(int a, char *, ...)',
      (b) =>
        b.ptr(
          b.funcProto(0, [
            { name: 'a', type: int(b) },
            { name: '', type: b.ptr(b.int('char', 1)) },
            { name: '', type: 0 },
          ]),
        ),
    ],
    [
      'int (*(*x[2][3])(int (*)(void)))(void)',
      (b) => {
        const f = b.ptr(b.funcProto(int(b)));
        return b.array(b.array(b.ptr(b.funcProto(f, [{ name: '', type: f }])), 3), 2);
      },
    ],
    [
      'int (*(*x(void))[2])(void)',
      (b) => b.funcProto(b.ptr(b.array(b.ptr(b.funcProto(int(b))), 2))),
    ],
    // GCC marks functions that do not return as volatile.
    ['void (*x)(void)', (b) => b.ptr(b.volatile(b.funcProto(0)))],
    ['__attribute__((btf_type_tag("user"))) int *x', (b) => b.ptr(b.typeTag('user', int(b)))],
    [
      '__attribute__((address_space(1))) void *x',
      (b) => b.ptr(b.add({ kind: 'type_tag', name: 'address_space(1)', type: 0, attribute: true })),
    ],
    [
      'struct {\n\tint a;\n} *x',
      (b) => b.ptr(b.struct('', 4, [{ name: 'a', type: int(b), bitOffset: 0 }])),
    ],
  ])('%s', (expected, build) => {
    expect(declared(build)).toBe(expected);
  });

  it('can do without a name', () => {
    expect(
      declared((b) => b.ptr(b.funcProto(b.ptr(int(b)), [{ name: '', type: int(b) }])), ''),
    ).toBe('int *(*)(int)');
  });
});

describe('the order of declarations', () => {
  it('has what a struct holds before it, and declares what it points to', () => {
    const text = printed((b) => {
      const outer = b.reserve();
      const inner = b.struct('inner', 16, [
        { name: 'up', type: b.ptr(outer), bitOffset: 0 },
        { name: 'self', type: b.ptr(b.fwd('unknown', 'union')), bitOffset: 64 },
      ]);
      const visit = b.funcProto(0, [{ name: '', type: b.ptr(outer) }]);
      b.define(outer, {
        kind: 'struct',
        name: 'outer',
        size: 32,
        members: [
          { name: 'in', type: b.typedef('inner_t', inner), bitOffset: 0, bitSize: 0 },
          { name: 'next', type: b.ptr(outer), bitOffset: 128, bitSize: 0 },
          { name: 'visit', type: b.typedef('visit_t', b.ptr(visit)), bitOffset: 192, bitSize: 0 },
        ],
      });
      return [outer];
    });
    expect(text).toBe(`struct inner;

typedef struct inner inner_t;

struct outer;

union unknown;

struct inner {
	struct outer *up;
	union unknown *self;
};

typedef void (*visit_t)(struct outer *);

struct outer {
	inner_t in;
	struct outer *next;
	visit_t visit;
};
`);
  });

  it('leaves out the forward declaration where only the struct itself needs it', () => {
    const text = printed((b) => {
      const head = b.reserve();
      const next = { name: 'next', type: b.ptr(head), bitOffset: 0, bitSize: 0 };
      b.define(head, { kind: 'struct', name: 'list_head', size: 8, members: [next] });
      return undefined;
    });
    expect(text).toBe('struct list_head {\n\tstruct list_head *next;\n};\n');
  });

  it('takes a forward declaration for the struct of that name', () => {
    const text = printed((b) => {
      const to = b.ptr(b.fwd('late'));
      b.struct('early', 8, [{ name: 'to', type: to, bitOffset: 0 }]);
      b.struct('late', 4, [{ name: 'a', type: int(b), bitOffset: 0 }]);
      return undefined;
    });
    expect(text).toBe(
      'struct late;\n\nstruct early {\n\tstruct late *to;\n};\n\nstruct late {\n\tint a;\n};\n',
    );
  });
});

describe('names', () => {
  it('are told apart where several types have one, and by the rules of C', () => {
    const text = printed((b) => {
      const fields = [{ name: 'a', type: int(b), bitOffset: 0 }];
      b.struct('state', 4, fields);
      b.union('state', 4, fields);
      b.typedef('state', int(b));
      b.enum('state', { RUNNING: 0, state: 1 });
      b.enum('', { RUNNING: 0 });
      b.typedef('state', b.int('char', 1));
      b.struct('typeof', 4, [{ name: 'asm', type: int(b), bitOffset: 0 }]);
      return undefined;
    });
    expect(text.match(/^(struct|union|typedef|enum) .*/gm)).toEqual([
      'struct state {',
      'union state___2 {',
      'typedef int state;',
      'enum state___3 {',
      'typedef char state___3;',
      'struct typeof_ {',
      'enum {',
    ]);
    expect(text).toContain('RUNNING = 0,\n\tstate___2 = 1,');
    expect(text).toContain('RUNNING___2 = 0,');
    expect(text).toContain('int asm_;');
  });

  it('that another language gave become identifiers', () => {
    const b = new BtfBuilder();
    b.struct('Vec_u8_', 4, [{ name: 'a_b', type: int(b), bitOffset: 0 }]);
    const bytes = Buffer.from(b.encode());
    bytes.write('Vec<u8>', bytes.indexOf('Vec_u8_'), 'latin1');
    bytes.write('a\nb', bytes.indexOf('a_b'), 'latin1');
    expect(printC(new Btf(bytes))).toBe('struct Vec_u8_ {\n\tint a_b;\n};\n');
  });

  it('that C has by itself are not defined', () => {
    const text = printed((b) => {
      const list = b.typedef('__builtin_va_list', b.array(b.int('char', 1), 24));
      b.typedef('va_list', list);
      b.typedef('bool', b.int('_Bool', 1, 'bool'));
      b.enum('', { false: 0, true: 1 });
      b.typedef('poly8_t', b.int('__Poly8_t', 1));
      b.typedef('odd_t', b.int('int', 8, 'signed'));
      return undefined;
    });
    expect(text).toBe(`typedef __builtin_va_list va_list;

#if __STDC_VERSION__ < 202311L
typedef _Bool bool;
#endif

typedef unsigned char __Poly8_t;

typedef __Poly8_t poly8_t;

typedef long long int_;

typedef int_ odd_t;

#if __STDC_VERSION__ < 202311L
enum {
	false = 0,
	true = 1,
};
#endif
`);
  });
});

describe('definitions', () => {
  it('of enums have their size, and values as large as they come', () => {
    const text = printed((b) => {
      b.enum('tiny', { TINY: -1 }, 1);
      b.enum('half', { HALF: 1 }, 2);
      b.enum('wide', { WIDE: 1 }, 8);
      b.enum('most', { MOST: 0xffff_ffff });
      b.enum('least', { LEAST: -(2 ** 31) });
      b.enum64('huge', { HUGE: 2n ** 64n - 1n });
      b.enum64('deep', { DEEP: -(2n ** 63n) });
      b.enum('mentioned', {});
      return undefined;
    });
    expect(text.split('\n\n')).toEqual([
      'enum tiny {\n\tTINY = -1,\n} __attribute__((mode(byte)));',
      'enum half {\n\tHALF = 1,\n} __attribute__((mode(HI)));',
      'enum wide {\n\tWIDE = 1,\n} __attribute__((mode(DI)));',
      'enum most {\n\tMOST = 4294967295,\n};',
      'enum least {\n\tLEAST = -2147483648,\n};',
      'enum huge {\n\tHUGE = 18446744073709551615ULL,\n};',
      'enum deep {\n\tDEEP = (-9223372036854775807LL - 1),\n};',
      'enum mentioned {\n\tmentioned___unknown = 0,\n};\n',
    ]);
  });

  it('spell out padding, in an array where it is long', () => {
    const text = printed((b) => {
      const long = b.int('long', 8, 'signed');
      b.struct('padded', 64, [
        { name: 'a', type: long, bitOffset: 0 },
        { name: 'b', type: int(b), bitOffset: 192 },
      ]);
      b.struct('far', 4096, [{ name: 'a', type: int(b), bitOffset: 0 }]);
      b.struct('bits', 8, [
        { name: 'a', type: int(b), bitOffset: 0, bitSize: 3 },
        { name: 'b', type: int(b), bitOffset: 40, bitSize: 5 },
      ]);
      b.union('line', 16, [{ name: 'a', type: int(b), bitOffset: 0 }]);
      b.struct('hidden', 3, []);
      return undefined;
    });
    expect(text.split('\n\n')).toEqual([
      'struct padded {\n\tlong a;\n\tlong: 64;\n\tlong: 64;\n\tint b;\n\tlong: 32;\n\tlong: 64;\n\tlong: 64;\n\tlong: 64;\n\tlong: 64;\n};',
      'struct far {\n\tint a;\n\tchar ___padding_4_4[4092];\n};',
      'struct bits {\n\tint a: 3;\n\tint: 29;\n\tint: 8;\n\tint b: 5;\n};',
      'union line {\n\tint a;\n\tstruct {\n\t\tint: 32;\n\t\tint: 32;\n\t\tint: 32;\n\t\tint: 32;\n\t};\n};',
      'struct hidden {\n\tchar: 8;\n\tchar: 8;\n\tchar: 8;\n};\n',
    ]);
  });

  it('say so where C cannot put a member', () => {
    const text = printed((b) => {
      b.struct('overlaid', 8, [
        { name: 'a', type: b.int('long', 8, 'signed'), bitOffset: 0 },
        { name: 'b', type: int(b), bitOffset: 32 },
      ]);
      return undefined;
    });
    expect(text).toBe(
      'struct overlaid {\n\tlong a;\n\tint b; /* at bit 32 in the BTF, where C cannot put it */\n};\n',
    );
  });

  it('write unnamed members where they are, also those that have a tag (-fms-extensions)', () => {
    const text = printed((b) => {
      const tagged = b.struct('tagged', 4, [{ name: 'a', type: int(b), bitOffset: 0 }]);
      const kind = b.enum('', { ROUND: 0 });
      b.struct('shape', 12, [
        { name: '', type: tagged, bitOffset: 0 },
        { name: 'kind', type: kind, bitOffset: 32 },
        { name: 'other', type: kind, bitOffset: 64 },
      ]);
      return undefined;
    });
    expect(text.split('\n\n')[1]).toBe(`struct shape {
	struct {
		int a;
	};
	enum {
		ROUND = 0,
	} kind;
	enum {
		ROUND___2 = 0,
	} other;
};
`);
  });

  it('of functions and variables are printed when asked for', () => {
    const text = printed((b) => {
      const file = b.struct('file', 4, [{ name: 'a', type: int(b), bitOffset: 0 }]);
      const read = b.func('read_it', b.funcProto(int(b), [{ name: 'file', type: b.ptr(file) }]));
      const variable = b.var('the_file', file);
      const section = b.datasec('.data', 4, [{ type: variable, offset: 0, size: 4 }]);
      return [read, section, int(b)];
    });
    expect(text).toBe(`struct file;

int read_it(struct file *file);

struct file {
	int a;
};

extern struct file the_file;

/* int: C has it, 4 bytes */
`);
  });

  it('of a module come with what they need of the kernel', () => {
    const kernel = new BtfBuilder();
    const pid = kernel.typedef('pid_t', int(kernel));
    kernel.struct('unused', 4, [{ name: 'pid', type: pid, bitOffset: 0 }]);
    const base = kernel.build({ label: 'vmlinux' });
    const b = new BtfBuilder({ base });
    b.struct('own', 4, [{ name: 'pid', type: pid, bitOffset: 0 }]);
    expect(printC(b.build())).toBe('typedef int pid_t;\n\nstruct own {\n\tpid_t pid;\n};\n');
  });

  it('can be wrapped as a header that CO-RE relocates', () => {
    const text = printC(new BtfBuilder().build(), undefined, { header: true });
    expect(text).toBe(`#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#endif


#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

#endif /* __VMLINUX_H__ */
`);
  });
});

describe('BTF that C cannot express ends with an error', () => {
  const refused = (build: (b: BtfBuilder) => void): string => {
    const b = new BtfBuilder();
    build(b);
    const btf = b.build();
    return errorOf(() => printC(btf)).message;
  };
  const member = (type: number, name = 'a', bitOffset = 0) => ({
    name,
    type,
    bitOffset,
    bitSize: 0,
  });

  it.each<[string, RegExp, (b: BtfBuilder) => void]>([
    [
      'a struct in itself',
      /struct s needs itself/,
      (b) => {
        const id = b.reserve();
        b.define(id, { kind: 'struct', name: 's', size: 4, members: [member(id)] });
      },
    ],
    [
      'a typedef of itself',
      /typedef t needs itself/,
      (b) => {
        const id = b.reserve();
        b.define(id, { kind: 'typedef', name: 't', type: id });
      },
    ],
    [
      'a pointer to itself',
      /deep, in a circle/,
      (b) => {
        const id = b.reserve();
        b.define(id, { kind: 'ptr', name: '', type: id });
        b.typedef('t', id);
      },
    ],
    [
      'an unnamed struct that points to itself',
      /deep/,
      (b) => {
        const id = b.reserve();
        b.define(id, { kind: 'struct', name: '', size: 8, members: [member(b.ptr(id))] });
        b.typedef('t', id);
      },
    ],
    [
      'a struct of which only the name is known',
      /gone is held by value/,
      (b) => b.struct('s', 4, [member(b.fwd('gone'))]),
    ],
    ['a function as a member', /has no size/, (b) => b.struct('s', 4, [member(b.funcProto(0))])],
    [
      'unnamed structs that double at each of 40 levels',
      /too entangled/,
      (b) => {
        let id = b.struct('', 1, [member(b.int('char', 1))]);
        for (let level = 1; level < 40; level++) {
          id = b.struct('', 1, [member(id, 'a'), member(id, 'b')]);
        }
        b.typedef('t', id);
      },
    ],
    [
      'a hundred thousand structs in each other',
      /deep/,
      (b) => {
        // The outermost first, so that nothing is known of the inner ones.
        const ids = Array.from({ length: 100_000 }, () => b.reserve());
        ids.forEach((id, index) => {
          const inner = ids[index + 1] ?? int(b);
          b.define(id, { kind: 'struct', name: `s${index}`, size: 4, members: [member(inner)] });
        });
      },
    ],
  ])('%s', (_, message, build) => {
    const started = performance.now();
    expect(refused(build)).toMatch(message);
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  it('takes a struct of 4 GiB with one member', () => {
    const b = new BtfBuilder();
    b.struct('huge', 0xffff_ffff, [member(b.int('char', 1))]);
    expect(printC(b.build())).toBe(
      'struct huge {\n\tchar a;\n\tchar ___padding_2_1[4294967294];\n};\n',
    );
  });
});
