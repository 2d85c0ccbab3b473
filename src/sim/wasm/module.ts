/**
 * @module
 * The sections of a WebAssembly module (WebAssembly Core Specification 2.0, section 5.5): functions that import other
 * functions, one memory, one table and globals.
 */
import { I64, WasmWriter } from './writer.ts';

export interface FunctionType {
  readonly parameters: readonly number[];
  readonly results: readonly number[];
}

/** Types of locals, and how many there are of each. */
export type Locals = readonly (readonly [count: number, type: number])[];

export interface FunctionBody {
  readonly type: FunctionType;
  /** The name that it is exported by, where it is. */
  readonly name?: string;
  /** Behind the parameters. */
  readonly locals: Locals;
  readonly code: Uint8Array;
}

export interface ModuleParts {
  /** Those that calls by a table name, from 0 on. */
  readonly types: readonly FunctionType[];
  /** By their names, in the order of their indices. */
  readonly imports: Readonly<Record<string, FunctionType>>;
  /** Their indices come after those of the imports. */
  readonly functions: readonly FunctionBody[];
}

/** Where imports come from: functions, `memory`, `table`, and globals of 64 bits, `fuel` and `replaced`. */
export const IMPORTS = 'beespoke';

/** `\0asm`, version 1. */
const HEADER = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const FUNCTION = 0x60;
/** Kinds of imports and exports. */
const KIND = { function: 0, table: 1, memory: 2, global: 3 } as const;
const FUNCTION_REFERENCE = 0x70;
const MUTABLE = 1;

export const moduleBytes = ({
  types: first,
  imports,
  functions,
}: ModuleParts): Uint8Array<ArrayBuffer> => {
  const imported = Object.entries(imports);
  const types = [
    ...new Set([...first, ...imported.map(([, type]) => type), ...functions.map(typeOf)]),
  ];
  const writer = new WasmWriter().append(HEADER);
  section(writer, 1, types, (out, { parameters, results }) => {
    out.op(FUNCTION).unsigned(parameters.length).append(parameters);
    out.unsigned(results.length).append(results);
  });
  // A memory of at least no page.
  const memory = (out: WasmWriter) => out.op(0).unsigned(0);
  // A table of at least one function.
  const table = (out: WasmWriter) => out.op(FUNCTION_REFERENCE).op(0).unsigned(1);
  const global = (out: WasmWriter) => out.op(I64).op(MUTABLE);
  const outside = [
    ...imported.map(([each, type]) => ({
      name: each,
      kind: KIND.function,
      write: (out: WasmWriter) => out.unsigned(types.indexOf(type)),
    })),
    { name: 'memory', kind: KIND.memory, write: memory },
    { name: 'table', kind: KIND.table, write: table },
    { name: 'fuel', kind: KIND.global, write: global },
    { name: 'replaced', kind: KIND.global, write: global },
  ];
  section(writer, 2, outside, (out, { name: each, kind, write }) => {
    name(name(out, IMPORTS), each).op(kind);
    write(out);
  });
  section(writer, 3, functions, (out, { type }) => out.unsigned(types.indexOf(type)));
  const exported = functions.flatMap((each, index) =>
    each.name === undefined ? [] : [{ name: each.name, index: imported.length + index }],
  );
  section(writer, 7, exported, (out, { name: each, index }) =>
    name(out, each).op(KIND.function).unsigned(index),
  );
  section(writer, 10, functions, (out, { locals, code }) => {
    const before = new WasmWriter().unsigned(locals.length);
    for (const [count, type] of locals) before.unsigned(count).op(type);
    out
      .unsigned(before.bytes.length + code.length)
      .append(before.bytes)
      .append(code);
  });
  return writer.bytes;
};

const typeOf = ({ type }: FunctionBody): FunctionType => type;

/** A section that is a list. */
const section = <T>(
  writer: WasmWriter,
  id: number,
  entries: readonly T[],
  write: (out: WasmWriter, entry: T) => void,
): void => {
  const content = new WasmWriter().unsigned(entries.length);
  for (const entry of entries) write(content, entry);
  writer.op(id).unsigned(content.bytes.length).append(content.bytes);
};

/** All names are ASCII. */
const name = (writer: WasmWriter, text: string): WasmWriter =>
  writer.unsigned(text.length).append([...text].map((letter) => letter.charCodeAt(0)));
