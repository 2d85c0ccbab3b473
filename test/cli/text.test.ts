/** Commands about text: asm, exec and `disasm --syntax llvm`. */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { run as runAsm } from '../../src/cli/asm.ts';
import { run as runDisasm } from '../../src/cli/disasm.ts';
import { statusOf } from '../../src/cli/errors.ts';
import { run as runExec } from '../../src/cli/exec.ts';
import { readObject } from '../../src/elf/index.ts';
import { loadObject } from '../../src/kernel/index.ts';
import { objectFile } from '../objects/judge.ts';
import { noBpf } from '../syscall/support.ts';
import { beespoke, commandOf } from './support.ts';

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts');
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

/** `exec` as a process of its own. */
const execProcess = (input: string, ...args: readonly string[]) =>
  spawnSync(process.execPath, ['--import', TSX, MAIN, 'exec', ...args], {
    encoding: 'utf8',
    input,
  });

/** A command in this process, which is faster: what it wrote, or why it failed. */
const inProcess = async (
  run: (args: readonly string[]) => Promise<number>,
  args: readonly string[],
  input = '',
): Promise<string> => {
  let written = '';
  const keep = (text: string | Uint8Array): boolean => {
    written += String(text);
    return true;
  };
  const stdin = Readable.from([Buffer.from(input)]) as unknown as typeof process.stdin;
  const spies = [
    vi.spyOn(process, 'stdin', 'get').mockReturnValue(stdin),
    vi.spyOn(process.stdout, 'write').mockImplementation(keep),
  ];
  try {
    expect(await run(args)).toBe(0);
    return written;
  } catch (error) {
    return `${statusOf(error)}: ${(error as Error).message.split('\n')[0]}`;
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
};
const exec = (input: string, ...args: readonly string[]) => inProcess(runExec, args, input);
const asm = (...args: readonly string[]) => inProcess(runAsm, args);

const directory = mkdtempSync(join(tmpdir(), 'beespoke-text-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const write = (name: string, text: string): string => {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
};

describe('asm', () => {
  const text = [
    '.license "GPL"',
    '.map seen, array, value=u64, max_entries=4',
    '.section socket',
    'keep:',
    '  r2 = 5',
    '  call twice',
    '  exit',
    '.text',
    'twice:',
    '  r0 = r2',
    '  r0 += r2',
    '  exit',
  ];

  it('writes an object file that can be read again', () => {
    const out = join(directory, 'keep.o');
    const ended = beespoke('asm', write('keep.s', text.join('\n')), '-o', out);
    expect(ended.stderr).toBe('');
    expect(ended.stdout).toMatch(/^.*keep\.o: 1 program, 1 map, \d+ sections, \d+ bytes\n$/);
    const spec = readObject(readFileSync(out));
    expect(Object.keys(spec.programs)).toEqual(['keep']);
    expect(spec.maps.seen).toMatchObject({ type: 'array', maxEntries: 4 });
  });

  it.skipIf(noBpf)('writes what the kernel takes, with the lines of the text', async () => {
    const out = join(directory, 'loaded.o');
    await asm(write('loaded.s', text.join('\n')), '-o', out);
    using loaded = loadObject(readObject(readFileSync(out)));
    expect(loaded.programs.keep!.testRun({ dataIn: new Uint8Array(64) }).returnValue).toBe(10);
    expect(await inProcess(runDisasm, [out])).toContain(
      '; r0 += r2 @ loaded.s:11\n   4: (0f) r0 += r2\n',
    );
  });

  it('says what is wrong by file, line and column', async () => {
    const file = write('wrong.s', '.section xdp\nmain:\n  r0 = 1\n  jeqq r0, 1, +0\n');
    expect(await asm(file, '-o', join(directory, 'wrong.o'))).toBe(
      `1: ${file}:4:3: there is no instruction "jeqq"; did you mean jeq?`,
    );
  });

  it('writes to stdout for -, and then says on stderr what', () => {
    const file = write('piped.s', text.join('\n'));
    const out = join(directory, 'whole.o');
    beespoke('asm', file, '-o', out);
    const [node, ...words] = commandOf('asm', file, '-o', '-');
    const { status, stdout, stderr } = spawnSync(node, words, { cwd: directory });
    expect(status).toBe(0);
    expect(stdout.equals(readFileSync(out))).toBe(true);
    expect(String(stderr)).toMatch(/^stdout: 1 program, 1 map, \d+ sections, \d+ bytes\n$/);
    expect(existsSync(join(directory, '-'))).toBe(false);
  });

  it('asks for a file and for where to write', async () => {
    expect(beespoke('asm').status).toBe(2);
    expect(await asm('x.s')).toBe('2: say where to write it: asm x.s -o FILE');
    expect(await asm('x.s', 'y.s')).toBe('2: asm takes one file, got "y.s" as well');
    expect(await asm(join(directory, 'none.s'), '-o', 'x')).toBe(
      `1: there is no file ${join(directory, 'none.s')}`,
    );
    expect(await asm(directory, '-o', 'x')).toBe(`1: ${directory} is a directory`);
    expect(await asm('/dev/zero', '-o', 'x')).toBe('1: cannot read /dev/zero: it is a device');
    expect(await asm('--help')).toMatch(/^beespoke asm FILE/);
  });
});

const ENGINES = ['interpreter', 'wasm', ...(noBpf ? [] : ['kernel'])];

describe(`exec on ${ENGINES.join(', ')}${noBpf ? ` (kernel: ${noBpf})` : ''}`, () => {
  it.each(ENGINES)('%s runs bytes on memory, as plugins of bpf_conformance do', (engine) => {
    // r0 = the first eight bytes, swapped; plus the length
    const program =
      '79 10 00 00 00 00 00 00 dc 00 00 00 40 00 00 00 0f 20 00 00 00 00 00 00 95 00 00 00 00 00 00 00';
    const memory = '01 23 45 67 89 ab cd ef 00 ';
    // The suite adds its own options as one text, which can be empty.
    const { status, stdout, stderr } = execProcess(`${program}\n`, memory, '', '--engine', engine);
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: '123456789abcdf8\n',
      stderr: '',
    });
  });

  it.each(ENGINES)(
    '%s runs text, with functions, all of r0 and what was stored',
    async (engine) => {
      const text = `
      *(u8 *)(r1 + 1) = 7
      r6 = r1
      call negate
      r1 = *(u16 *)(r6 + 0)
      r0 += r1
      exit
    negate:
      r0 = 0
      r0 -= r2
      exit
    `;
      // 0x0701 - 5
      const ended = await exec(text, '--engine', engine, '--mem', '0102030405', '--json');
      expect(JSON.parse(ended)).toEqual({ r0: '1788', hex: '6fc', engine });
      expect(await exec('r0 = -2; exit', '--engine', engine)).toBe('fffffffffffffffe\n');
      // Without memory there is no address.
      expect(await exec('r0 = r1; r0 |= r2; exit', '--engine', engine)).toBe('0\n');
    },
  );

  it.each(ENGINES)('%s refuses an access beyond the memory', async (engine) => {
    const args = ['--engine', engine, '--mem', '01020304'];
    expect(await exec('r0 = *(u32 *)(r1 + 1); exit', ...args)).toMatch(
      engine === 'kernel'
        ? /^1: the kernel refuses main \(socket\): invalid access to map value/
        : /^1: instruction 0, r0 = \*\(u32 \*\)\(r1 \+1\) \(stdin:1\): no 4 bytes to be read there/,
    );
  });

  // biome-ignore format: a table
  it.each([
    ['', [], '2: there is no program on stdin'],
    ['95 00', [], '1: instructions are 8 bytes each, got 2 bytes'],
    ['9500000', [], '2: the program is bytes of two hexadecimal digits each, got "9500000"'],
    ['0500050000000000 9500000000000000', [], '1: instruction 0: no instruction begins +5 from here'],
    ['r0 = r3; exit', [], '1: the program: r3 is read here, but nothing has written it (stdin:1)'],
    ['r0 = ; exit', [], '1: stdin:1:6: r0 =: a register, number, load or name, got the end of the line'],
    ['r0 = 1; exit', ['--engine', 'jit'], '2: --engine is interpreter, wasm or kernel, got "jit"'],
    ['r0 = 1; exit', ['01', '--mem', '02'], '2: the memory is given once, as an argument or with --mem'],
    ['r0 = 1; exit', ['--mem', '0x12'], '2: the memory is bytes of two hexadecimal digits each, got "0x12"'],
  ])('says what is wrong with %j %j', async (input, args, message) => {
    expect(await exec(input, ...args)).toBe(message);
  });
});

describe('exec', () => {
  it('counts the instructions of the program, as listings do', async () => {
    const text = 'r0 = 0x123456789abc ll\nr0 = *(u8 *)(r1 + 4)\nexit';
    const at =
      /^1: instruction 2, r0 = \*\(u8 \*\)\(r1 \+4\) \(stdin:2\): no 1 bytes to be read there/;
    expect(await exec(text, '--mem', '0011')).toMatch(at);
    expect(await exec(text, '--mem', '0011', '--engine', 'wasm')).toMatch(at);
  });

  it('reads no more than a program can have', async () => {
    expect(await exec('0'.repeat(2 ** 26 + 1))).toBe(
      '1: a program is no longer than 64 MiB, and stdin is',
    );
  });
});

describe('disasm --syntax llvm', () => {
  it('writes sections, symbols, variables and the licence', async () => {
    const lines = (await inProcess(runDisasm, ['--syntax', 'llvm', objectFile('loops')])).split(
      '\n',
    );
    const start = lines.indexOf('endless:');
    expect(lines.slice(start - 3, start + 8)).toEqual([
      '.section "raw_tp/sched_switch","ax",@progbits',
      '.globl endless',
      '.type endless,@function',
      'endless:',
      '    # while (bpf_get_prandom_u32() != 7) @ loops.c:72',
      `${'    call 7'.padEnd(52)} # bpf_get_prandom_u32`,
      '    if w0 != 7 goto -2',
      '    # return 0; @ loops.c:74',
      '    w0 = 0',
      '    exit',
      '',
    ]);
    expect(lines.slice(-3)).toEqual(['.section license,"aw",@progbits', '.asciz "GPL"', '']);
    expect(await inProcess(runDisasm, [objectFile('globals'), '--syntax=llvm'])).toMatch(
      /\n\.section \.bss,"aw",@nobits\n\.zero \d+\n/,
    );
  });

  it('is explained on stderr where nothing is asked for', () => {
    const { status, stdout, stderr } = beespoke('disasm');
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^beespoke disasm TOOL/);
  });

  it('spells the instructions of JSON as well, and knows two syntaxes', async () => {
    const json = await inProcess(runDisasm, [objectFile('loops'), '--syntax', 'llvm', '--json']);
    expect(json).toContain('"opcode":133,"text":"call 7"');
    expect(await inProcess(runDisasm, ['opensnoop', '--syntax', 'intel'])).toBe(
      '2: --syntax is kernel or llvm, got "intel"',
    );
  });
});
