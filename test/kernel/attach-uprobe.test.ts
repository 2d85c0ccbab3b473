import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ElfFile, functionOffset } from '../../src/elf/index.ts';
import {
  type Code,
  call,
  fetchAdd,
  globals,
  helper,
  hookArguments,
  i32,
  i64,
  lea,
  load,
  loadSigned,
  mov,
  object,
  type ProgramSpec,
  pointer,
  r0,
  r1,
  r2,
  r6,
  r7,
  rsh,
  store,
  struct,
  u64,
  uprobe,
  uretprobe,
} from '../../src/index.ts';
import { loadObject } from '../../src/kernel/index.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { done, expectGone, holdings, inKernel, thrown } from './object-support.ts';
import { noCompiler, Probed } from './probed.ts';

const Seen = struct('seen', {
  runs: u64.number,
  first: i64,
  second: i64,
  result: i64,
  pid: u64.number,
  cookie: u64.number,
});

/** An object of one program that counts its runs and stores what `code` leaves in the fields of `seen`, at r7. */
const seeing = (
  at: (body: Code) => ProgramSpec,
  code: (seen: ReturnType<typeof Seen.at>) => Code,
) => {
  const seen = globals(Seen);
  const fields = Seen.at(r7);
  const body: Code = [
    mov(r6, r1),
    lea(r7, seen),
    mov(r2, 1),
    fetchAdd(fields.runs, r2),
    call(helper.get_current_pid_tgid),
    rsh(r0, 32),
    store(fields.pid, r0),
    code(fields),
    done,
  ];
  return object({ license: 'GPL', maps: { seen }, programs: { au_program: at(body) } });
};

const skipped = noBpf ?? noCompiler;

describe.skipIf(skipped !== undefined)(kernel('a uprobe'), () => {
  let probed: Probed;
  beforeAll(() => {
    probed = new Probed();
  });
  afterAll(() => probed.close());

  const Add = hookArguments({ a: i32, b: i64, text: pointer() });
  const Returned = hookArguments({ retval: i64 });

  /** The arguments of probed_add. */
  const entry = (place: string) =>
    seeing(
      (body) => uprobe(place, body),
      (seen) => [
        loadSigned(r1, Add.at(r6).a),
        store(seen.first, r1),
        load(r1, Add.at(r6).b),
        store(seen.second, r1),
      ],
    );
  it.each([
    ['perf links', []],
    ['the ioctl', ['perfLink']],
  ] as const)('sees the arguments of a function, with %s', async (_how, without) => {
    const before = holdings();
    using child = await probed.start();
    {
      using tool = loadObject(entry(`${probed.path}:probed_add`), { without: [...without] });
      expect(tool.attach()).toEqual([]);
      expect(tool.links[0]!.how).toBe(without.length === 0 ? 'link' : 'ioctl');
      await child.round(-5);
      await child.round(7);
      const { runs, first, second, pid } = tool.maps.seen.values();
      expect({ runs, first, second, pid }).toEqual({
        runs: 2,
        first: 7n,
        second: 1000n,
        pid: child.pid,
      });
      tool.detach();
      await child.round(8);
      expect(tool.maps.seen.get('runs')).toBe(2);
    }
    child.close();
    await expect.poll(holdings, { timeout: 5000, interval: 20 }).toEqual(before);
    await expectGone('au_program');
  });

  it('sees what a function returns', async () => {
    using child = await probed.start();
    const spec = seeing(
      (body) => uretprobe(`${probed.path}:probed_add`, body),
      (seen) => [load(r1, Returned.at(r6).retval), store(seen.result, r1)],
    );
    using tool = loadObject(spec);
    tool.attach();
    const { sum } = await child.round(20);
    // The sum is that of both functions: probed_add_two gives 22.
    expect(tool.maps.seen.get('result')).toBe(BigInt(sum - 22));
    expect(tool.maps.seen.get('runs')).toBe(1);
  });

  it('is attached where options say, to one process, with a cookie', async () => {
    using wanted = await probed.start();
    using other = await probed.start();
    const spec = seeing(
      (body) => uprobe('', body),
      (seen) => [mov(r1, r6), call(helper.get_attach_cookie, r6), store(seen.cookie, r0)],
    );
    using tool = loadObject(spec);
    expect(thrown(() => tool.attach()).message).toBe(
      'uprobe says not where: attach it with { path, function }, or write uprobe/PATH:FUNCTION',
    );
    const { au_program } = tool.programs;
    const held = holdings();
    {
      using link = au_program.attach({
        path: probed.path,
        function: 'probed_add_two',
        pid: wanted.pid,
        cookie: 0x1234_5678_9abcn,
      });
      expect(link.info().progId).toBe(au_program.info().id);
      expect(inKernel('au_program')).toEqual(['link', 'prog au_program']);
      await other.round(1);
      expect(tool.maps.seen.get('runs')).toBe(0);
      await wanted.round(1);
      expect(tool.maps.seen.get('runs')).toBe(1);
      expect(tool.maps.seen.get('cookie')).toBe(0x1234_5678_9abc);
      expect(tool.maps.seen.get('pid')).toBe(wanted.pid);
    }
    expect(holdings()).toEqual(held);
    await wanted.round(1);
    expect(tool.maps.seen.get('runs')).toBe(1);
  });

  it('is attached to an instruction within a function, and to bytes of the file', async () => {
    using child = await probed.start();
    const offset = functionOffset(new ElfFile(readFileSync(probed.path)), 'probed_add_two')!;
    const spec = seeing(
      (body) => uprobe('', body),
      () => [],
    );
    using tool = loadObject(spec);
    const { au_program } = tool.programs;
    using raw = au_program.attach({ path: probed.path, offset });
    expect(raw.how).toBe('link');
    await child.round(1);
    expect(tool.maps.seen.get('runs')).toBe(1);
    using within = au_program.attach({ path: probed.path, function: 'probed_add', offset: 0 });
    expect(within.how).toBe('link');
    await child.round(1);
    expect(tool.maps.seen.get('runs')).toBe(3);
  });

  it('finds a function of a library by its short name, in one process', async () => {
    const Printed = hookArguments({ stream: pointer() });
    using child = await probed.start();
    const spec = seeing(
      (body) => uprobe('libc.so.6:fflush', body),
      (seen) => [load(r1, Printed.at(r6).stream), store(seen.first, r1)],
    );
    using tool = loadObject(spec);
    using link = tool.programs.au_program.attach({ pid: child.pid });
    expect(link.how).toBe('link');
    await child.round(1);
    await child.round(2);
    expect(tool.maps.seen.get('runs')).toBe(2);
    expect(tool.maps.seen.get('first')).toBeGreaterThan(0n);
  });

  it('finds a function of this Node, which is running already', () => {
    const spec = seeing(
      (body) => uprobe(`${process.execPath}:uv_hrtime`, body),
      () => [],
    );
    using tool = loadObject(spec);
    using link = tool.programs.au_program.attach({ pid: process.pid });
    expect(link.how).toBe('link');
    process.hrtime.bigint();
    setImmediate(() => {});
    for (let i = 0; i < 10; i++) process.uptime();
    expect(tool.maps.seen.get('runs')).toBeGreaterThan(0);
    expect(tool.maps.seen.get('pid')).toBe(process.pid);
  });

  it('is followed into a directory that a symbolic link names', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'beespoke-uprobe-'));
    try {
      symlinkSync(dirname(probed.path), join(directory, 'link'));
      using child = await probed.start();
      using tool = loadObject(
        entry(`${join(directory, 'link', basename(probed.path))}:probed_add`),
      );
      tool.attach();
      await child.round(3);
      expect(tool.maps.seen.get('runs')).toBe(1);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('is refused with a reason, and then nothing is left', () => {
    const spec = seeing(
      (body) => uprobe('', body),
      () => [],
    );
    using tool = loadObject(spec);
    const { au_program } = tool.programs;
    const before = holdings();
    const refusal = (options: Parameters<typeof au_program.attach>[0]) => {
      const error = thrown(() => au_program.attach(options));
      return `${error.name}: ${error.message}`;
    };
    expect(refusal({ path: '/no/such/file', function: 'f' })).toBe(
      'NotFoundError: there is no file /no/such/file',
    );
    expect(refusal({ path: 'libnosuch.so.7', function: 'f' })).toMatch(
      /^NotFoundError: there is no file libnosuch\.so\.7; looked for .*\/usr\/lib\/libnosuch\.so\.7/,
    );
    expect(refusal({ path: probed.path, function: 'no_such_function' })).toBe(
      `NotFoundError: ${probed.path} has no function no_such_function: it may be inlined, or its symbols stripped`,
    );
    expect(refusal({ path: probed.path, function: 'probed_add', pid: 0x3fff_ffff })).toBe(
      'NotFoundError: there is no process 1073741823',
    );
    expect(refusal({ path: probed.path, function: 'probed_add', cpu: 0 })).toBe(
      'TypeError: au_program: uprobe programs are not attached with cpu, but with path, function, offset, pid, cookie, referenceCounter',
    );
    expect(refusal({ path: probed.path, offset: 2 ** 40 })).toContain(
      `cannot attach uprobe to byte 1099511627776 of ${probed.path}: EINVAL`,
    );
    expect(holdings()).toEqual(before);
    using old = loadObject(spec, { without: ['perfLink'] });
    const loaded = holdings();
    expect(
      thrown(() =>
        old.programs.au_program.attach({ path: probed.path, function: 'probed_add', cookie: 1 }),
      ).message,
    ).toBe('uprobe: a cookie needs a perf link, of Linux 5.15');
    expect(holdings()).toEqual(loaded);
  });

  it('outlives the file that is replaced meanwhile', async () => {
    const copy = `${probed.path}-copy`;
    copyFileSync(probed.path, copy);
    const spec = seeing(
      (body) => uprobe(`${copy}:probed_add`, body),
      () => [],
    );
    using tool = loadObject(spec);
    tool.attach();
    rmSync(copy);
    tool.detach();
  });
});
