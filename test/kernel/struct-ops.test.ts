import { describe, expect, it } from 'vitest';
import { kernelBtf, loadObject } from '../../src/kernel/index.ts';
import type { StructOps } from '../../src/kernel/struct-ops.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { expectGone, holdings, thrown } from './object-support.ts';
import { available, corpus, programs } from './struct-ops-support.ts';

const missing =
  noBpf ??
  (kernelBtf()?.findByName('bpf_struct_ops_tcp_congestion_ops', 'struct') === undefined
    ? 'no struct_ops of TCP'
    : undefined);

describe.skipIf(missing)(kernel('a struct_ops map'), () => {
  it('has the value of the kernel, and programs for the members of its struct', () => {
    using tool = loadObject(corpus(), { programs });
    const map = tool.maps.corpus_cc as unknown as StructOps;
    const btf = kernelBtf()!;
    const outer = btf.findByName('bpf_struct_ops_tcp_congestion_ops', 'struct')!;
    expect(map.info()).toMatchObject({
      type: 26,
      valueSize: btf.sizeOf(outer),
      btfVmlinuxValueTypeId: outer,
    });
    const struct = btf.findByName('tcp_congestion_ops', 'struct')!;
    for (const name of programs) {
      expect([name, tool.programs[name]!.info().attachBtfId]).toEqual([name, struct]);
    }
  });

  it('is registered until it is closed', async () => {
    const before = holdings();
    const listed = available();
    {
      using tool = loadObject(corpus(), { programs });
      tool.attach();
      expect(available().sort()).toEqual([...listed, 'corpus_cc'].sort());
      tool.detach();
      expect(available()).toEqual(listed);
      expect(thrown(() => tool.attach()).message).toBe(
        'map corpus_cc was registered before: load the object again',
      );
    }
    expect(holdings()).toEqual(before);
    await expectGone('corpus_cc', 'corpus_init', 'corpus_ssthresh');
  });

  it('is registered by a link where its flags say so', () => {
    using tool = loadObject(corpus({ flags: 1 << 13 }), { programs });
    tool.attach();
    expect(tool.links.map(({ hook }) => hook)).toEqual(['struct_ops/corpus_cc']);
    expect(available()).toContain('corpus_cc');
    tool.detach();
    expect(available()).not.toContain('corpus_cc');
    tool.attach();
    expect(available()).toContain('corpus_cc');
    tool.close();
    expect(available()).not.toContain('corpus_cc');
  });

  it('says which program no map refers to', () => {
    const before = holdings();
    expect(thrown(() => loadObject(corpus())).message).toBe(
      'corpus_unused is a function of a struct_ops map, but there is no map that refers to it and that this kernel has the member of',
    );
    const wrong = () => loadObject(corpus({ operations: { init: 'nothing' } }), { programs: [] });
    expect(thrown(wrong).message).toBe(
      'map corpus_cc: its function nothing is no program of the object',
    );
    expect(holdings()).toEqual(before);
  });
});
