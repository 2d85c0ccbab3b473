import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readObject } from '../../src/elf/index.ts';
import { type Globals, loadObject } from '../../src/kernel/index.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { expectGone, fixture, holdings, thrown } from './object-support.ts';
import { noCompiler, Probed } from './probed.ts';

/** attach-usdt.bpf.c says how it was made. */
const spec = () => readObject(readFileSync(fixture('attach-usdt.bpf.o')));

const skipped =
  noBpf ?? noCompiler ?? (process.arch === 'x64' ? undefined : 'the object is for x86-64');

describe.skipIf(skipped !== undefined)(kernel('a program at a static probe'), () => {
  let probed: Probed;
  beforeAll(() => {
    probed = new Probed();
  });
  afterAll(() => probed.close());

  it.each([
    ['cookies', []],
    ['addresses', ['perfLink']],
  ] as const)('reads the arguments of every form, by %s', async (_how, without) => {
    const before = holdings();
    const child = await probed.start();
    try {
      using tool = loadObject(spec(), { without: [...without] });
      const seen = tool.maps['.bss'] as unknown as Globals<never>;
      const loaded = holdings();
      const { plain, counted } = tool.programs;
      expect(thrown(() => tool.attach()).message).toBe(
        'usdt says not where: attach it with { path, provider, probe }, or write usdt/PATH:PROVIDER:NAME',
      );
      const place = { path: probed.path, provider: 'probed', pid: child.pid };
      {
        using first = plain!.attach({ ...place, probe: 'plain', cookie: 0x1_0000_0002n });
        expect(first.how).toBe('links');
        expect((await child.round(-41)).semaphore).toBe(0);
        expect(seen.values()).toMatchObject({
          runs: [1n, 0n],
          arguments: [-41n, 1036n, -3n, -7n],
          count: 4n,
          user_cookie: 0x1_0000_0002n,
        });
        using second = counted!.attach({ ...place, probe: 'counted' });
        expect(second.how).toBe('links');
        // The semaphore turns the probe on.
        expect((await child.round(5)).semaphore).toBe(1);
        expect(seen.values()).toMatchObject({ runs: [2n, 1n], only: 1128n });
      }
      expect((await child.round(5)).semaphore).toBe(0);
      expect(holdings()).toEqual(loaded);
    } finally {
      child.close();
    }
    await expect.poll(holdings, { timeout: 5000, interval: 20 }).toEqual(before);
    await expectGone('plain', 'counted');
  });

  it('is refused with a reason, and then nothing is left', () => {
    using tool = loadObject(spec());
    const before = holdings();
    const { plain } = tool.programs;
    const place = { path: probed.path, provider: 'probed' };
    expect(thrown(() => plain!.attach({ ...place, probe: 'none' })).message).toBe(
      `usdt: ${probed.path} has no static probe probed:none; it has probed:plain, probed:counted`,
    );
    expect(
      thrown(() => plain!.attach({ ...place, path: process.execPath, probe: 'x' })).message,
    ).toBe(`usdt: ${process.execPath} has no static probe probed:x; it has none`);
    expect(holdings()).toEqual(before);
    using old = loadObject(spec(), { without: ['perfLink'] });
    const loaded = holdings();
    expect(thrown(() => old.programs.plain!.attach({ ...place, probe: 'plain' })).message).toBe(
      'usdt: before Linux 5.15 a static probe of code that can be anywhere is attached to one process: attach it with { pid }',
    );
    expect(holdings()).toEqual(loaded);
  });
});
