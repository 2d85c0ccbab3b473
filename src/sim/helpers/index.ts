/**
 * @module
 * The helpers that are simulated, under their names in the kernel without `bpf_`.
 */
import type { HelperFunction } from '../helper.ts';
import { checksumHelpers } from './checksum.ts';
import { controlHelpers } from './control.ts';
import { dynptrHelpers } from './dynptr.ts';
import { mapHelpers } from './maps.ts';
import { memoryHelpers } from './memory.ts';
import { numberHelpers } from './numbers.ts';
import { outputHelpers } from './output.ts';
import { packetHelpers } from './packet.ts';
import { taskHelpers } from './task.ts';

export const HELPERS: Readonly<Record<string, HelperFunction>> = /* @__PURE__ */ Object.freeze({
  ...mapHelpers,
  ...memoryHelpers,
  ...taskHelpers,
  ...outputHelpers,
  ...controlHelpers,
  ...packetHelpers,
  ...checksumHelpers,
  ...dynptrHelpers,
  ...numberHelpers,
});
