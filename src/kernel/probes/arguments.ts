/**
 * @module
 * What programs at a probe can read: fields of records, parameters of functions, arguments of static probes.
 * @example
 * const argumentsOf = probeArguments();
 * argumentsOf(probe);   // [{ name: 'ret', type: 'long', declaration: 'long ret' }]
 */
import { type Btf, type BtfFuncProto, printDeclaration } from '../../btf/index.ts';
import { type UsdtProbe, usdtProbes } from '../../elf/index.ts';
import type { TracepointField } from '../../object/index.ts';
import { withElfFile } from '../executable.ts';
import { isOnlyReturn, isReturn, type Probe, type ProbeArgument } from './probe.ts';
import { KERNEL, type ProbeSources, readOr } from './sources.ts';
import { ProbeTypes } from './types.ts';

/** Gives the arguments of probes, one after the other; undefined where nobody knows them. */
export const probeArguments = (
  sources: ProbeSources = KERNEL,
): ((probe: Probe) => readonly ProbeArgument[] | undefined) => {
  const types = new ProbeTypes(sources);
  const declared = new Map<Btf, Declare>();
  const parametersOf = (btf: Btf, proto: BtfFuncProto, { section }: Probe, skipped: number) => {
    const declare = declared.get(btf) ?? declarer(btf);
    declared.set(btf, declare);
    return parameters(declare, proto, section, skipped);
  };
  const ofFunction = (probe: Probe, name: string, skipped = 0) => {
    const btf = types.of(probe.module);
    const proto = btf && protoOf(btf, types.idOf(btf, name));
    return proto && parametersOf(btf, proto, probe, skipped);
  };
  const ofTracepoint = (probe: Probe) => {
    const btf = types.of(probe.module);
    const proto = btf && tracepointProto(btf, probe.name);
    return proto && parametersOf(btf, proto, probe, 1);
  };
  const files = new Map<string, readonly UsdtProbe[]>();
  const staticProbesOf = (path: string): readonly UsdtProbe[] => {
    const known = files.get(path) ?? withElfFile(path, usdtProbes);
    files.set(path, known);
    return known;
  };

  return (probe) => {
    const { kind, name, path } = probe;
    switch (kind) {
      case 'tracepoint': {
        const [category = '', event = ''] = name.split('/');
        const fields = readOr(
          () => sources.fields(category, event),
          () => {},
        );
        return fields?.filter((each) => !each.name.startsWith('common_')).map(fieldArgument);
      }
      case 'raw_tp':
      case 'tp_btf':
        // As src/object/hook-arguments.ts finds them: the first parameter is the tracepoint's own.
        return (
          ofFunction(probe, `__bpf_trace_${name}`, 1) ??
          ofFunction(probe, `__traceiter_${name}`, 1) ??
          ofTracepoint(probe)
        );
      case 'kprobe':
      case 'fentry':
        return ofFunction(probe, name);
      case 'iter':
        return ofFunction(probe, `bpf_iter_${name}`);
      case 'lsm':
        return ofFunction(probe, `bpf_lsm_${name}`);
      case 'usdt':
        return path === undefined ? undefined : staticArguments(staticProbesOf(path), name);
      default:
        return undefined;
    }
  };
};

const protoOf = (btf: Btf, id: number | undefined): BtfFuncProto | undefined => {
  const func = id === undefined ? undefined : btf.type(id);
  const proto = func?.kind === 'func' ? btf.type(func.type) : undefined;
  return proto?.kind === 'func_proto' ? proto : undefined;
};

/** The prototype behind `btf_trace_NAME`, which has no names. */
const tracepointProto = (btf: Btf, name: string): BtfFuncProto | undefined => {
  const id = btf.findByName(`btf_trace_${name}`, 'typedef');
  const pointer = id === undefined ? undefined : btf.resolve(id);
  const proto = pointer?.kind === 'ptr' ? btf.type(pointer.type) : undefined;
  return proto?.kind === 'func_proto' ? proto : undefined;
};

/** Declares names of one type after the other. */
type Declare = (type: number, name: string) => string;

/** Each type is put into words once: a kernel's functions have three parameters each, of few types. */
const declarer = (btf: Btf): Declare => {
  const NAME = '\0';
  const texts = new Map<number, string>();
  return (type, name) => {
    let text = texts.get(type);
    if (text === undefined) {
      // Structs without a name are written out.
      text = printDeclaration(btf, type, NAME).replace(/\s*\n\s*/g, ' ');
      texts.set(type, text);
    }
    return text.replace(NAME, name).trimEnd();
  };
};

const parameters = (
  declare: Declare,
  { params, returnType }: BtfFuncProto,
  section: string,
  skipped: number,
): readonly ProbeArgument[] => {
  const own = isOnlyReturn(section) ? [] : params.slice(skipped);
  const result =
    isReturn(section) && returnType !== 0 ? [{ name: 'retval', type: returnType }] : [];
  return [...own, ...result].map(({ name, type }, index) => {
    // C's `...` is a parameter without name and type.
    if (type === 0) return { name: '...', type: '...', declaration: '...' };
    const label = name === '' ? `arg${index}` : name;
    return { name: label, type: declare(type, ''), declaration: declare(type, label) };
  });
};

/** `char comm[16]`, `__data_loc char[] filename`. */
const fieldArgument = ({ name, declaration }: TracepointField): ProbeArgument => {
  const at = declaration.lastIndexOf(name);
  const type = `${declaration.slice(0, at).trimEnd()}${declaration.slice(at + name.length)}`;
  return { name, type, declaration };
};

/** Those of all places of a static probe: they have the same arguments, seldom in the same place. */
const staticArguments = (
  probes: readonly UsdtProbe[],
  wanted: string,
): readonly ProbeArgument[] => {
  const places = probes
    .filter(({ provider, name }) => wanted.endsWith(`:${provider}:${name}`))
    .map(({ args }) => words(args));
  const count = Math.max(0, ...places.map(({ length }) => length));
  return Array.from({ length: count }, (_, index) => {
    const found = places.flatMap((each) => each[index] ?? []);
    const type = [...new Set(found.map((each) => each.type))].join(' or ');
    const place = [...new Set(found.map((each) => each.place))].join(', ');
    return { name: `arg${index}`, type, declaration: `${type} arg${index}`, place };
  });
};

/** `-4@%edi 8@-24(%rbp)`: the size, negative with a sign, and where it is. Brackets of arm64 have spaces in them. */
const words = (text: string): readonly { readonly type: string; readonly place: string }[] =>
  [...text.matchAll(/(-?)(\d+)(f?)@(\[[^\]]*\]|\S+)/g)].map(
    ([, minus, bytes, float, place = '']) => ({
      type: `${float !== '' ? 'f' : minus === '' ? 'u' : 's'}${Number(bytes) * 8}`,
      place,
    }),
  );
