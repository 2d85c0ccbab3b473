import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildId, functionOffset } from '../../src/elf/index.ts';
import {
  array,
  call,
  exit,
  globals,
  helper,
  i64,
  jne,
  label,
  lea,
  mov,
  object,
  r0,
  r1,
  r6,
  r7,
  rsh,
  stackTrace,
  store,
  struct,
  tracepoint,
  u64,
} from '../../src/index.ts';
import { withElfFile } from '../../src/kernel/executable.ts';
import { formatFrame, loadObject, Symbolizer } from '../../src/kernel/index.ts';
import { kernelSymbol } from '../../src/kernel/kernel-symbols.ts';
import { addressesOf, codeMappings } from '../../src/kernel/process-maps.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { inKernel } from './object-support.ts';
import { noCompiler } from './probed.ts';

const BPF_F_USER_STACK = 1 << 8;

const Seen = struct('seen', { user: i64, kernel: i64 });

/** Records both stacks of a process that calls getppid. */
const recorder = (pid: number) => {
  const seen = globals(Seen);
  const stacks = stackTrace(array(u64, 32), { maxEntries: 1024 });
  const out = label('out');
  const fields = Seen.at(r7);
  return object({
    license: 'GPL',
    maps: { stacks, seen },
    programs: {
      record: tracepoint('syscalls/sys_enter_getppid', [
        mov(r6, r1),
        call(helper.get_current_pid_tgid),
        rsh(r0, 32),
        jne(r0, pid, out),
        lea(r7, seen),
        call(helper.get_stackid, r6, stacks, BPF_F_USER_STACK),
        store(fields.user, r0),
        call(helper.get_stackid, r6, stacks, 0),
        store(fields.kernel, r0),
        out,
        mov(r0, 0),
        exit(),
      ]),
    },
  });
};

/** A running process of stacked.c. */
interface Stacked {
  readonly pid: number;
  /** Where its function `outer` is, and the kernel's own library. */
  readonly outer: bigint;
  readonly vdso: bigint;
  /** Has it call its functions. */
  readonly round: () => Promise<void>;
  readonly end: () => Promise<void>;
}

const directory = mkdtempSync(join(tmpdir(), 'beespoke-stacked-'));
const children: ChildProcess[] = [];

const compile = (name: string): string => {
  const path = join(directory, name);
  const source = fileURLToPath(new URL('./stacked.c', import.meta.url));
  // Without optimisation every function keeps its frame pointer, by which the kernel walks.
  execFileSync('cc', ['-O0', '-g', source, '-o', path], { stdio: 'pipe' });
  return path;
};

const start = async (path: string): Promise<Stacked> => {
  const child = spawn(path, { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const [pid, outer, vdso] = String((await lines.next()).value).split(' ');
  return {
    pid: Number(pid),
    outer: BigInt(outer!),
    vdso: BigInt(`0x${vdso}`),
    round: async () => {
      child.stdin.write('\n');
      await lines.next();
    },
    end: async () => {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
};

const stacksOf = async (process: Stacked) => {
  using loaded = loadObject(recorder(process.pid));
  loaded.attach();
  await process.round();
  const { stacks, seen } = loaded.maps;
  const [user, kernel] = [seen.get('user'), seen.get('kernel')];
  return { user: stacks.get(Number(user)) ?? [], kernel: stacks.get(Number(kernel)) ?? [] };
};

const names = (frames: readonly { readonly name: string | undefined }[]) =>
  frames.map(({ name }) => name);

const OURS = ['innermost', 'middle', 'outer', 'main'];

afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(directory, { recursive: true });
  expect(inKernel('record')).toEqual([]);
});

describe.skipIf(noBpf || noCompiler)(kernel('the stack of a process'), () => {
  let path: string;
  beforeAll(() => {
    path = compile('stacked');
  });

  it('has the names of a file that was written anew in its place', async () => {
    const written = join(directory, 'written');
    const symbolizer = new Symbolizer();
    for (const name of ['outer', 'renamed']) {
      const file = join(directory, name);
      execFileSync('objcopy', ['--redefine-sym', `outer=${name}`, path, file]);
      writeFileSync(written, readFileSync(file), { mode: 0o755 });
      const process = await start(written);
      expect(names(symbolizer.user(process.pid, [process.outer]))).toEqual([name]);
      await process.end();
    }
  });

  it('does not wait for a pipe, nor read a huge file, where the names of compiled code would be', async () => {
    const child = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1e6)']);
    children.push(child);
    await once(child.stdout, 'data');
    const { start: compiled } = codeMappings(child.pid!).find(({ path }) => path === '')!;
    const map = `/tmp/perf-${child.pid}.map`;
    try {
      execFileSync('mkfifo', [map]);
      expect(names(new Symbolizer().user(child.pid!, [compiled]))).toEqual([undefined]);
      unlinkSync(map);
      writeFileSync(map, '');
      truncateSync(map, 2 ** 40);
      expect(names(new Symbolizer().user(child.pid!, [compiled]))).toEqual([undefined]);
    } finally {
      rmSync(map, { force: true });
    }
  });

  it('has the names of its functions, also of static ones, and the file', async () => {
    const process = await start(path);
    const { user } = await stacksOf(process);
    const frames = new Symbolizer().user(process.pid, user);
    expect(names(frames).slice(0, 4)).toEqual(OURS);
    expect(frames.slice(0, 4).map(({ file }) => file)).toEqual(Array(4).fill(path));
    // outer returns to main behind its call; what nm says of the sizes is larger.
    const sizes = new Map(
      execFileSync('nm', ['-S', path], { encoding: 'utf8' })
        .split('\n')
        .map((line) => line.split(' '))
        .map(([, size, , name]) => [name, Number.parseInt(size!, 16)]),
    );
    for (const { name, offset } of frames.slice(0, 4)) {
      expect(offset).toBeGreaterThan(0);
      expect(offset).toBeLessThanOrEqual(sizes.get(name)!);
    }
    expect(formatFrame(frames[0]!)).toBe(`innermost+0x${frames[0]!.offset.toString(16)} (${path})`);
    await process.end();
  });

  it('belongs to a file whose build id readelf prints', () => {
    const [, expected] = /Build ID: ([0-9a-f]+)/.exec(
      execFileSync('readelf', ['-n', path], { encoding: 'utf8' }),
    )!;
    expect(withElfFile(path, buildId)).toBe(expected);
  });

  it('has the names of the C library', async () => {
    const process = await start(path);
    const { user } = await stacksOf(process);
    const symbolizer = new Symbolizer();
    const library = symbolizer.user(process.pid, user)[4]!.file!;
    expect(library).toMatch(/\/libc[.-].*so/);
    // One address can have several names.
    const table = execFileSync('nm', ['-D', '--defined-only', library], { encoding: 'utf8' });
    const [, address] = /^([0-9a-f]+) . malloc@/m.exec(table)!;
    const aliases = table.match(new RegExp(`^${address} . .*$`, 'gm'))!;
    const offset = withElfFile(library, (file) => functionOffset(file, 'malloc'))!;
    const [at] = addressesOf(process.pid, library, offset);
    const [frame] = symbolizer.user(process.pid, [at! + 3n]);
    expect(aliases.some((each) => each.includes(` ${frame!.name}@`))).toBe(true);
    expect([frame!.offset, frame!.file]).toEqual([3, library]);
    await process.end();
  });

  it('keeps its names when the process has ended after it was asked about', async () => {
    const process = await start(path);
    const { user } = await stacksOf(process);
    const symbolizer = new Symbolizer();
    symbolizer.user(process.pid, []);
    await process.end();
    expect(names(symbolizer.user(process.pid, user)).slice(0, 4)).toEqual(OURS);
    const asked = new Symbolizer();
    expect(names(asked.user(process.pid, user))).toEqual(user.map(() => undefined));
  });

  it('has its names when the file was deleted meanwhile', async () => {
    const deleted = compile('deleted');
    const process = await start(deleted);
    unlinkSync(deleted);
    const { user } = await stacksOf(process);
    const frames = new Symbolizer().user(process.pid, user);
    expect(names(frames).slice(0, 4)).toEqual(OURS);
    expect(frames[0]!.file).toBe(`${deleted} (deleted)`);
    await process.end();
  });

  it('has the names of a file with debug information, where the program is stripped', async () => {
    const stripped = compile('stripped');
    const debug = join(directory, 'stripped.debug');
    execFileSync('objcopy', ['--only-keep-debug', stripped, debug]);
    execFileSync('strip', [stripped]);
    const bare = await start(stripped);
    const { user } = await stacksOf(bare);
    const [first] = new Symbolizer().user(bare.pid, user);
    expect([first!.name, first!.file]).toEqual([undefined, stripped]);
    expect(formatFrame(first!)).toMatch(/^0x[0-9a-f]+ \(.*stripped\+0x[0-9a-f]+\)$/);
    await bare.end();

    execFileSync('objcopy', [`--add-gnu-debuglink=${debug}`, stripped]);
    const process = await start(stripped);
    const stacks = await stacksOf(process);
    expect(names(new Symbolizer().user(process.pid, stacks.user)).slice(0, 4)).toEqual(OURS);
    // A file that is not the one that belongs to it.
    writeFileSync(debug, 'something else');
    expect(new Symbolizer().user(process.pid, stacks.user)[0]!.name).toBeUndefined();
    await process.end();
  });

  it('is named by the call, also where that is the last instruction of its function', async () => {
    const process = await start(path);
    const table = execFileSync('nm', ['-S', path], { encoding: 'utf8' });
    const [, size] = /^\S+ (\S+) T outer$/m.exec(table)!;
    const end = process.outer + BigInt(`0x${size}`);
    const [top, caller] = new Symbolizer().user(process.pid, [end, end]);
    expect([caller!.name, caller!.offset]).toEqual(['outer', Number.parseInt(size!, 16)]);
    expect(top!.name).not.toBe('outer');
    await process.end();
  });

  it('has no names where nothing is mapped', async () => {
    const process = await start(path);
    const symbolizer = new Symbolizer();
    expect(names(symbolizer.user(process.pid, [process.outer]))).toEqual(['outer']);
    expect(names(symbolizer.user(process.pid, [1n]))).toEqual([undefined]);
    await process.end();
  });

  it('has the names of the library that the kernel maps into every process', async () => {
    const process = await start(path);
    const maps = readFileSync(`/proc/${process.pid}/maps`, 'utf8');
    const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) .*\[vdso\]$/m.exec(maps)!;
    const bytes = execFileSync('dd', [
      `if=/proc/${process.pid}/mem`,
      'iflag=skip_bytes,count_bytes',
      `skip=${BigInt(`0x${from}`)}`,
      `count=${BigInt(`0x${to}`) - BigInt(`0x${from}`)}`,
      'status=none',
    ]);
    writeFileSync(join(directory, 'vdso.so'), bytes);
    const table = execFileSync('nm', ['-D', join(directory, 'vdso.so')], { encoding: 'utf8' });
    const [, address] = /^([0-9a-f]+) T __(?:vdso|kernel)_clock_gettime/m.exec(table)!;
    const [frame] = new Symbolizer().user(process.pid, [
      process.vdso + BigInt(`0x${address}`) + 2n,
    ]);
    expect(frame!.name).toMatch(/^__(vdso|kernel)_clock_gettime$/);
    expect([frame!.offset, frame!.file]).toEqual([2, '[vdso]']);
    await process.end();
  });

  it('of the kernel has the names of its functions', async () => {
    const process = await start(path);
    const { kernel } = await stacksOf(process);
    const frames = new Symbolizer().kernel(kernel);
    expect(names(frames)).toContain(
      globalThis.process.arch === 'x64' ? 'do_syscall_64' : 'el0_svc',
    );
    await process.end();
  });
});

/** The lines of a file for perf. */
const compiledIn = (text: string) =>
  Array.from(text.matchAll(/^([0-9a-f]+) ([0-9a-f]+) (.+)$/gm), ([, start, size, name]) => ({
    start: BigInt(`0x${start}`),
    end: BigInt(`0x${start}`) + BigInt(`0x${size}`),
    name: name!,
  }));

/** Where the mapping ends that an address is in. */
const mappedEnd = (pid: number, address: bigint): bigint => {
  const mapped = Array.from(
    readFileSync(`/proc/${pid}/maps`, 'utf8').matchAll(/^([0-9a-f]+)-([0-9a-f]+) /gm),
    ([, start, end]) => [BigInt(`0x${start}`), BigInt(`0x${end}`)] as const,
  );
  return mapped.find(([start, end]) => address >= start && address < end)![1];
};

describe('code that is compiled while a process runs', () => {
  it('has the names that Node.js writes for perf', async () => {
    const script =
      'function hotFunction(n) { let s = 0; for (let i = 0; i < n; i++) s += i ^ n; return s; }' +
      'for (let i = 0; i < 2000; i++) hotFunction(1000); console.log(process.pid); setInterval(() => {}, 1000);';
    const child = spawn(process.execPath, ['--perf-basic-prof', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
      // It leaves a log of its own where it runs.
      cwd: directory,
    });
    children.push(child);
    const file = `/tmp/perf-${child.pid}.map`;
    try {
      await createInterface(child.stdout)[Symbol.asyncIterator]().next();
      // It would write on, over what is added here, and reuse memory.
      child.kill('SIGSTOP');
      await expect
        .poll(() => readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(' ')[2])
        .toBe('T');
      writeFileSync(file, '\n', { flag: 'a' });
      const known = compiledIn(readFileSync(file, 'utf8'));
      // Not one in whose place there is another by now.
      const hot = known.findLast(
        (each, index) =>
          each.name.includes('hotFunction') &&
          !known.slice(index + 1).some(({ start, end }) => start < each.end && end > each.start),
      )!;
      const symbolizer = new Symbolizer();
      expect(symbolizer.user(child.pid!, [hot.end - 1n])).toMatchObject([
        { name: hot.name, offset: Number(hot.end - hot.start) - 1 },
      ]);
      // What is added to the file, not always by whole lines, is read when it is needed.
      let later = mappedEnd(child.pid!, hot.start) - 0x20n;
      while (known.some(({ start, end }) => later >= start && later < end)) later -= 0x20n;
      expect(names(symbolizer.user(child.pid!, [later]))).toEqual([undefined]);
      writeFileSync(file, `${later.toString(16)} 10 la`, { flag: 'a' });
      expect(names(symbolizer.user(child.pid!, [later]))).toEqual([undefined]);
      writeFileSync(file, 'ter one\nno line of this kind\n', { flag: 'a' });
      expect(names(symbolizer.user(child.pid!, [later]))).toEqual(['later one']);
    } finally {
      child.kill('SIGKILL');
      rmSync(file, { force: true });
    }
  });
});

describe('the symbols of the kernel', () => {
  const functions = readFileSync('/proc/kallsyms', 'latin1')
    .split('\n')
    .map((line) => line.split(/[ \t]/))
    .filter(([address, type]) => /^[tTwW]$/.test(type ?? '') && BigInt(`0x${address}`) > 0n)
    .map(([address, , name, module]) => ({ address: BigInt(`0x${address}`), name, module }));

  it.skipIf(functions.length === 0)('are found from inside of the functions', () => {
    const first = new Map<bigint, (typeof functions)[number]>();
    for (const each of functions) if (!first.has(each.address)) first.set(each.address, each);
    const sorted = [...first.keys()].sort((a, b) => (a < b ? -1 : 1));
    for (let i = 0; i + 1 < sorted.length; i += 97) {
      const [address, next] = [sorted[i]!, sorted[i + 1]!];
      const { name, module } = first.get(address)!;
      const offset = next - address > 8n ? 7n : 0n;
      const expected = { name, offset: Number(offset), module: module?.slice(1, -1) };
      if (name !== '_etext') expect(kernelSymbol(address + offset)).toEqual(expected);
    }
  });

  it('are not found where there is no code', () => {
    expect(kernelSymbol(0n)).toBeUndefined();
    expect(kernelSymbol(0x1000n)).toBeUndefined();
    expect(kernelSymbol(0xffff_ffff_ffff_ffffn)).toBeUndefined();
  });
});
