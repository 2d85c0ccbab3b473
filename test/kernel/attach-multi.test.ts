import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { functionOffset } from '../../src/elf/index.ts';
import {
  call,
  fetchAdd,
  globals,
  helper,
  hookArguments,
  i32,
  i64,
  kprobeMulti,
  lea,
  load,
  loadSigned,
  mov,
  object,
  r0,
  r1,
  r2,
  r6,
  r7,
  store,
  struct,
  u64,
  uprobeMulti,
  uretprobeMulti,
} from '../../src/index.ts';
import { withElfFile } from '../../src/kernel/executable.ts';
import { glob } from '../../src/kernel/glob.ts';
import { type AttachOptions, loadObject } from '../../src/kernel/index.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { done, expectGone, holdings, only, thrown } from './object-support.ts';
import { noCompiler, Probed } from './probed.ts';

const Seen = struct('seen', { runs: u64.number, last: i64, returns: u64.number, cookie: u64 });

/** Counts entries and returns, with the first argument and the result of the last. */
const both = (entries: string, returns: string) => {
  const seen = globals(Seen);
  const fields = Seen.at(r7);
  const First = hookArguments({ first: i32 });
  const Returned = hookArguments({ retval: i64 });
  return object({
    license: 'GPL',
    maps: { seen },
    programs: {
      am_entry: uprobeMulti(entries, [
        mov(r6, r1),
        lea(r7, seen),
        mov(r2, 1),
        fetchAdd(fields.runs, r2),
        loadSigned(r1, First.at(r6).first),
        store(fields.last, r1),
        call(helper.get_attach_cookie, r6),
        store(fields.cookie, r0),
        done,
      ]),
      am_return: uretprobeMulti(returns, [
        lea(r7, seen),
        load(r1, Returned.at(r1).retval),
        mov(r1, 1),
        fetchAdd(fields.returns, r1),
        done,
      ]),
    },
  });
};

const skipped = noBpf ?? noCompiler;

describe.skipIf(skipped !== undefined)(kernel('a multi-uprobe'), () => {
  let probed: Probed;
  beforeAll(() => {
    probed = new Probed();
  });
  afterAll(() => probed.close());

  it('is at the entry or return of all functions that fit its pattern, with one link', async () => {
    const before = holdings();
    const child = await probed.start();
    {
      using tool = loadObject(both(`${probed.path}:probed_*`, `${probed.path}:probed_add*`));
      expect(tool.attach()).toEqual([]);
      expect(tool.links.map((link) => link.info().target)).toMatchObject([
        {
          kind: 'uprobe_multi',
          path: probed.path,
          count: 3,
          flags: 0,
          pid: 0,
          cookies: [0n, 0n, 0n],
        },
        {
          kind: 'uprobe_multi',
          path: probed.path,
          count: 2,
          flags: 1,
          pid: 0,
          offsets: { length: 2 },
        },
      ]);
      await child.round(-9);
      expect(tool.maps.seen.values()).toEqual({ runs: 3, last: -9n, returns: 2, cookie: 0n });
      tool.detach();
      await child.round(4);
      expect(tool.maps.seen.get('runs')).toBe(3);
    }
    child.close();
    await expect.poll(holdings, { timeout: 5000, interval: 20 }).toEqual(before);
    await expectGone('am_entry', 'am_return');
  });

  it('is attached where options say, to one process, with a cookie', async () => {
    using wanted = await probed.start();
    using other = await probed.start();
    using tool = loadObject(both('', ''));
    const { am_entry } = tool.programs;
    using link = am_entry.attach({
      path: probed.path,
      functions: ['probed_add', 'probed_st?tic'],
      pid: wanted.pid,
      cookie: 0xfeed_0000_0001n,
    });
    expect(link.info().target).toMatchObject({ count: 2 });
    await other.round(1);
    expect(tool.maps.seen.get('runs')).toBe(0);
    await wanted.round(1);
    expect(tool.maps.seen.values()).toMatchObject({ runs: 2, last: 1n, cookie: 0xfeed_0000_0001n });
  });

  it('tells its places apart by their cookies, where attach() of the object has options for it', async () => {
    using child = await probed.start();
    using tool = loadObject(both('', `${probed.path}:probed_add*`));
    const functions = ['probed_add_two', 'probed_static'];
    const left = tool.attach({
      am_entry: { path: probed.path, functions, cookies: [7, 8n] },
    });
    expect(left).toEqual([]);
    await child.round(1);
    // probed_static is called last.
    expect(tool.maps.seen.values()).toMatchObject({ runs: 2, returns: 2, cookie: 8n });
    tool.detach();
    const offset = withElfFile(probed.path, (file) => functionOffset(file, 'probed_add_two'))!;
    tool.attach({ am_entry: { path: probed.path, offsets: [offset], cookies: [9] } });
    await child.round(1);
    expect(tool.maps.seen.values()).toMatchObject({ runs: 3, cookie: 9n });
    expect(
      thrown(() => tool.programs.am_entry.attach({ path: probed.path, functions, cookies: [1] }))
        .message,
    ).toBe('uprobe.multi: 2 places and 1 cookies; give one for each, and no pattern');
  });

  it('is refused with a reason, and then nothing is left', () => {
    using tool = loadObject(both('', ''));
    const before = holdings();
    const refusal = (options?: AttachOptions) =>
      thrown(() => tool.programs.am_entry.attach(options)).message;
    expect(refusal()).toBe(
      'uprobe.multi says not where: attach it with { path, functions }, or write uprobe.multi/PATH:PATTERN',
    );
    expect(refusal({ path: probed.path, functions: ['nothing*'] })).toBe(
      `uprobe.multi: ${probed.path} has no function nothing*`,
    );
    expect(refusal({ path: probed.path, functions: ['probed_add', 'missing'] })).toBe(
      `uprobe.multi: ${probed.path} has no function missing`,
    );
    expect(holdings()).toEqual(before);
  });

  it('at functions of the kernel is refused by name where they cannot be traced', ({ skip }) => {
    using tool = loadObject(only(kprobeMulti('vfs_*', done)));
    const before = holdings();
    let error: Error | undefined;
    try {
      tool.attach();
    } catch (thrown) {
      error = thrown as Error;
    }
    if (!error) return skip('this kernel has multi-kprobes');
    expect(error.name).toBe('RequirementError');
    expect(error.message).toMatch(
      /^(kprobe\.multi\/vfs_\*: this kernel has no multi-kprobes \(CONFIG_FPROBE|patterns of kernel functions need )/,
    );
    expect(holdings()).toEqual(before);
  });
});

describe('a pattern of functions', () => {
  it('has * for any characters and ? for one', () => {
    const names = [
      'vfs_read',
      'vfs_readv',
      'vfs_write',
      'xvfs_read',
      'vfs.read',
      'vfs_read.isra.0',
    ];
    expect(names.filter(glob('vfs_*'))).toEqual([
      'vfs_read',
      'vfs_readv',
      'vfs_write',
      'vfs_read.isra.0',
    ]);
    expect(names.filter(glob('vfs_rea?'))).toEqual(['vfs_read']);
    expect(names.filter(glob('vfs.read'))).toEqual(['vfs.read']);
    expect(names.filter(glob('*read*'))).toHaveLength(5);
    expect(glob('a*a*a*a*a*a*a*b')('a'.repeat(200))).toBe(false);
  });
});
