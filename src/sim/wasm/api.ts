/**
 * @module
 * What of the global `WebAssembly` the engine needs, since the types of ES2023 do not have it; and a heap on it.
 */
import type { Heap } from '../memory.ts';

interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}
export interface WasmGlobal {
  value: bigint;
}
interface WasmTable {
  set(index: number, value: unknown): void;
}
export interface WasmModule {
  readonly [Symbol.toStringTag]: string;
}
interface WasmInstance {
  readonly exports: Readonly<Record<string, unknown>>;
}
interface WebAssemblyApi {
  readonly Memory: new (type: { readonly initial: number }) => WasmMemory;
  readonly Global: new (
    type: { readonly value: 'i64'; readonly mutable: true },
    value: bigint,
  ) => WasmGlobal;
  readonly Table: new (type: {
    readonly element: 'anyfunc';
    readonly initial: number;
  }) => WasmTable;
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => WasmModule;
  readonly Instance: new (
    module: WasmModule,
    imports: Readonly<Record<string, object>>,
  ) => WasmInstance;
}

export const webAssembly = (): WebAssemblyApi => {
  const { WebAssembly: api } = globalThis as unknown as { readonly WebAssembly?: WebAssemblyApi };
  if (api) return api;
  throw new Error('there is no WebAssembly here: leave out the engine, for the interpreter');
};

const PAGE = 1 << 16;

/** A heap that compiled programs share with the machine. */
export class WasmHeap implements Heap {
  readonly memory: WasmMemory;

  constructor() {
    this.memory = new (webAssembly().Memory)({ initial: 1 });
  }

  get buffer(): ArrayBuffer {
    return this.memory.buffer;
  }

  grow(size: number): void {
    this.memory.grow(Math.ceil((size - this.buffer.byteLength) / PAGE));
  }
}
