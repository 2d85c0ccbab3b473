/** BTF as a whole: merged, deduplicated, reduced, and printed as C, TypeScript and JSON. */
import {
  Btf,
  BtfError,
  CORE_KINDS,
  deduplicate,
  hasTypeScript,
  merge,
  minimise,
  printAllJson,
  printC,
  printDeclaration,
  printTypeScript,
} from '../../src/btf/index.ts';
import { btfInputs, program, twistBtf } from './btf.ts';
import type { Target } from './fuzz.ts';

const ACCESSES = ['0', '0:0', '0:1', '0:1:0', '0:2:0'];

export const btfWhole: Target = {
  name: 'btf-whole',
  errors: [BtfError],
  inputs: btfInputs,
  twist: twistBtf,
  run(bytes, attempt, random) {
    const btf = attempt(() => new Btf(bytes));
    if (btf === undefined) return;
    const merged = attempt(() => merge([program(), btf]));
    const smaller = attempt(() => deduplicate(merged ? new Btf(merged.bytes) : btf));
    if (smaller !== undefined) attempt(() => new Btf(smaller.bytes).typeCount);
    for (let i = 0; i < 4; i++) {
      const typeId = 1 + random.below(60);
      const relocation = { kind: random.pick(CORE_KINDS), typeId, access: random.pick(ACCESSES) };
      attempt(() => minimise(btf, [{ local: program(), relocations: [relocation] }]));
      attempt(() => minimise(program(), [{ local: btf, relocations: [relocation] }]));
    }
  },
};

export const btfPrint: Target = {
  name: 'btf-print',
  errors: [BtfError],
  inputs: btfInputs,
  twist: twistBtf,
  run(bytes, attempt, random) {
    const btf = attempt(() => new Btf(bytes));
    if (btf === undefined) return;
    attempt(() => printC(btf));
    attempt(() => printTypeScript(btf));
    attempt(() => printAllJson(btf));
    const count = attempt(() => btf.typeCount) ?? 0;
    for (let i = 0; i < 10; i++) {
      const id = random.below(count + 2);
      attempt(() => printC(btf, [id]));
      attempt(() => printDeclaration(btf, id, 'it'));
      if (attempt(() => hasTypeScript(btf, id)) === true) attempt(() => printTypeScript(btf, [id]));
    }
  },
};
