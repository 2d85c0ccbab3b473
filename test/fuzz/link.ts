/** Object files that are linked, one of them broken. */
import { readFileSync } from 'node:fs';
import { BtfError } from '../../src/btf/index.ts';
import { ElfError, linkObjects, readObject } from '../../src/elf/index.ts';
import { objectFile } from '../objects/judge.ts';
import type { Target } from './fuzz.ts';
import { object } from './object.ts';

const NAMES = [
  ...['linked-one', 'linked-two', 'link-weak-1', 'link-weak-2'],
  ...['link-kernel-1', 'link-kernel-2', 'link-maps-1', 'link-maps-2'],
];

const sound = (): readonly Uint8Array[] => NAMES.map((name) => readFileSync(objectFile(name)));
let partners: readonly Uint8Array[] | undefined;

export const link: Target = {
  name: 'link',
  errors: [ElfError, BtfError],
  inputs: sound,
  twist: object.twist!,
  run(bytes, attempt, random) {
    partners ??= sound();
    const alone = attempt(() => linkObjects([{ bytes, label: 'fuzz.o' }]));
    if (alone === undefined) return;
    attempt(() => readObject(alone));
    const partner = { bytes: random.pick(partners), label: 'sound.o' };
    attempt(() => linkObjects([{ bytes: alone, label: 'linked.o' }, partner]));
    attempt(() => linkObjects([partner, { bytes, label: 'fuzz.o' }]));
  },
};
