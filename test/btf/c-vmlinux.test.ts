/** The running kernel's types as C: whether it compiles, and whether the compiler lays it out as the kernel's did. */
import { describe, expect, it } from 'vitest';
import { BtfBuilder, type BtfComposite, printC } from '../../src/btf/index.ts';
import { checkC, checksOf, compileC, hasGcc } from './c-support.ts';
import { hasVmlinux, seeded, VMLINUX, vmlinux } from './support.ts';

const skipped = `(skipped without ${VMLINUX} or gcc)`;

describe.skipIf(!hasVmlinux || !hasGcc)(`vmlinux.h ${skipped}`, () => {
  const btf = hasVmlinux ? vmlinux() : new BtfBuilder().build();
  const header = printC(btf, undefined, { header: true });

  /** The named structs and unions whose name nothing else has, so that it is the same in C. */
  const unique = (): BtfComposite[] => {
    const names = new Map<string, BtfComposite[]>();
    for (let id = 1; btf.has(id); id++) {
      const type = btf.type(id);
      if (type.name === '' || !['struct', 'union', 'enum', 'enum64', 'fwd'].includes(type.kind)) {
        continue;
      }
      names.set(type.name, [...(names.get(type.name) ?? []), type as BtfComposite]);
    }
    return [...names.values()]
      .filter((types) => types.length === 1)
      .map(([type]) => type!)
      .filter(({ kind }) => kind === 'struct' || kind === 'union');
  };

  it('compiles without a warning', () => {
    const flags = ['-Wall', '-Werror', '-Wno-unknown-pragmas'];
    expect(compileC(header, flags)).toBe('');
  });

  it('has the sizes, offsets and bitfields of 1000 structs', () => {
    const { pick, seed } = seeded();
    const chosen = pick(unique(), 1000);
    const checks = chosen.flatMap((type) => checksOf(btf, type));
    expect(checks.length).toBeGreaterThan(5000);
    expect(checkC(header, checks), `seed ${seed}`).toBe('');
  });

  it('is printed within seconds', () => {
    const started = performance.now();
    printC(vmlinux());
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it('can be had in part, with all that the part needs', () => {
    const { pick, seed } = seeded();
    const id = (name: string): number => btf.findByName(name, 'struct')!;
    const some = [id('task_struct'), id('sk_buff'), ...pick(unique(), 30).map((type) => type.id)];
    for (const each of some) {
      const type = btf.type(each) as BtfComposite;
      const text = printC(btf, [each]);
      expect(checkC(text, checksOf(btf, type)), `${type.name}, seed ${seed}`).toBe('');
    }
  });
});
