import { describe, expect, it } from 'vitest';
import {
  call,
  either,
  exit,
  i32,
  kernelStruct,
  kfunc,
  kfuncExists,
  mov,
  object,
  pointer,
  r0,
  r1,
  r6,
  socketFilter,
  u64,
} from '../../src/index.ts';
import { kernelWith, linkedText, messageOf, withoutLine, world } from './support.ts';

const Task = kernelStruct('task_struct', { pid: i32 });
const insert = kfunc('insert', [pointer(Task), u64]);
const create = kfunc('create', [u64, i32], { returns: i32 });
const missing = kfunc('missing', [u64]);

/** A kernel with `void insert(struct task_struct *, unsigned long)` and `int create(unsigned long, int)`. */
const kernel = kernelWith((b) => {
  const int = b.int('int', 4, 'signed');
  const long = b.int('unsigned long', 8);
  const task = b.struct('task_struct', 8, [{ name: 'pid', type: int, bitOffset: 0 }]);
  b.func(
    'insert',
    b.funcProto(0, [
      { name: 'p', type: b.ptr(task) },
      { name: 'id', type: b.typedef('u64', long) },
    ]),
  );
  b.func(
    'create',
    b.funcProto(int, [
      { name: 'id', type: long },
      { name: 'node', type: int },
    ]),
  );
});

const text = (...code: Parameters<typeof socketFilter>) =>
  linkedText(socketFilter(...code), kernel);
const ending = [mov(r0, 0), exit()];
const idOf = (name: string) => kernel.btf!.findByName(name, 'func');

describe('a function of the kernel', () => {
  it('is called by its id in the types of the kernel, with its arguments in place', () => {
    expect(text([mov(r6, r1), call(create, 7, -1), ending])).toBe(
      [
        '   0: (bf) r6 = r1',
        '   1: (b7) r1 = 7',
        '   2: (b7) r2 = -1',
        `   3: (85) call kernel-function#${idOf('create')}`,
        '   4: (b7) r0 = 0',
        '   5: (95) exit',
      ].join('\n'),
    );
    expect(text([call(insert, r1, 0), ending])).toContain(`call kernel-function#${idOf('insert')}`);
  });

  it('is refused where the kernel does not have it, or has it with other arguments', () => {
    const refused = (...args: Parameters<typeof call>) =>
      messageOf(() => text([call(...args), ending]));
    expect(refused(missing as never, 0)).toBe(
      'this kernel has no function that programs may call (kfunc) missing',
    );
    const other = kfunc('create', [u64], { returns: i32 });
    expect(refused(other as never, 0)).toBe(
      'create has another type in this kernel than in the program',
    );
    const plain = () => linkedText(socketFilter([call(create, 0, 0), ending]), world());
    expect(messageOf(plain)).toMatch(
      /^this kernel has no type information, which create is looked/,
    );
  });

  it('decides a choice', () => {
    const chosen = (which: typeof create) =>
      text([either(kfuncExists(which), mov(r6, 1), mov(r6, 2)), ending]).split('\n')[0];
    expect(chosen(create)).toBe('   0: (b7) r6 = 1');
    expect(chosen(missing)).toBe('   0: (b7) r6 = 2');
    expect(chosen(kfunc('create', [u64, pointer()], { returns: i32 }))).toBe('   0: (b7) r6 = 2');
    const old = { ...kernel, configuration: () => String((5 << 16) | (10 << 8)) };
    const choice = either(kfuncExists(create), mov(r6, 1), mov(r6, 2));
    expect(linkedText(socketFilter([choice, ending]), old)).toMatch(/^ +0: \(b7\) r6 = 2/);
    expect(
      text([either(kfuncExists(missing), call(missing, 0), call(create, 0, 0)), ending]),
    ).toContain(`call kernel-function#${idOf('create')}`);
  });

  it('destroys its argument registers as every call, and takes as many as it was declared with', () => {
    const refused = (build: () => unknown) => withoutLine(messageOf(build));
    expect(refused(() => socketFilter([call(insert, r1, 0), mov(r0, r1), exit()]))).toMatch(/r1/);
    expect(refused(() => call(insert, r1))).toBe(
      'call insert: it takes 2 arguments, got 1 (kfunc.test.ts)',
    );
    expect(refused(() => kfunc('a b', []))).toBe(
      'kfunc: a function of the kernel with up to 5 arguments, got "a b" and 0 (kfunc.test.ts)',
    );
    const program = socketFilter([call(create, 0, 0), ending]);
    expect(refused(() => object({ license: 'MIT', programs: { program } }))).toMatch(
      /^program: create is for programs under the GPL/,
    );
  });
});
