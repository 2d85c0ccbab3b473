/**
 * @module
 * Reaching beyond memory that the verifier knows: values of maps, records, objects of the kernel, contexts; memory that
 * may only be read; alignment.
 */
import { baseOf, type Case, calledBy, ownRegister, type Rule, registerOf } from '../rule.ts';
import { describeType, describeValue, parseValue } from '../value.ts';

const ofValue = (it: Case, register: string): string => {
  const held = it.held(register);
  return held === undefined ? 'the memory' : describeValue(held);
};

const limit = (isC: boolean): string =>
  isC
    ? 'limit it right before: if (index >= LENGTH) return 0; or index &= LENGTH - 1;'
    : 'limit it right before: jge(index, length, out), or and(index, length - 1) for powers of two';

const bounds = (it: Case, size: string, offset: string, length: string, register: string) => {
  const from = Number(offset);
  const end = from + Number(length);
  const what = ofValue(it, register);
  const cause =
    from < 0
      ? `this may reach ${-from} bytes before ${what}`
      : `this may reach ${end} bytes into ${what}, which has ${size}`;
  return {
    cause,
    repair: `stay within its ${size} bytes: check the offset and the size, and ${limit(it.isC)}`,
    registers: [register, ...addendOf(it, register)],
  };
};

/** The register that was last added to a pointer, which has it from there. */
const addendOf = (it: Case, register: string): readonly string[] => {
  const [last] = it.provenance(register);
  const addend = /^r\d+ \+= (r\d+)$/.exec(last?.text ?? '')?.[1];
  return addend === undefined ? [] : [addend];
};

/** A pointer whose sum with a number the verifier refuses, and the number. */
const operandsOf = (it: Case): readonly string[] => {
  const [, to, from] = /^[rw](\d+) [-+]= (?:r(\d+)|-?\d+)$/.exec(it.step?.text ?? '') ?? [];
  return [from, to].flatMap((each) => (each === undefined ? [] : [`r${each}`]));
};

export const MEMORY: readonly Rule[] = [
  {
    class: 'bounds',
    pattern:
      /invalid access to (?:map value|memory|map key), (?:value_size|mem_size|key_size)=(\d+) off=(-?\d+) size=(\d+); R(\d+)/,
    explain: (it) => {
      const [, size, offset, length, register] = it.match;
      return bounds(it, size!, offset!, length!, `r${register}`);
    },
  },
  {
    class: 'bounds',
    pattern:
      /invalid access to (?:map value|memory|map key), (?:value_size|mem_size|key_size)=(\d+) off=(-?\d+) size=(\d+)/,
    explain: (it) => bounds(it, it.match[1]!, it.match[2]!, it.match[3]!, ''),
  },
  {
    class: 'stack-bounds',
    pattern: /math between fp pointer and register with unbounded m\w+ value is not allowed/,
    explain: (it) => ({
      cause: 'what is added to a pointer to the stack may be negative, or has no limit at all',
      repair: limit(it.isC),
      registers: operandsOf(it),
    }),
  },
  {
    class: 'kernel-memory',
    pattern:
      /math between \w*ptr_\w* pointer and register with unbounded m\w+ value is not allowed/,
    explain: (it) => ({
      cause: 'a number that is not constant is added to a pointer to an object of the kernel',
      repair: it.isC
        ? 'read it with bpf_probe_read_kernel()'
        : 'read it with helper.probe_read_kernel',
      registers: operandsOf(it),
    }),
  },
  {
    class: 'bounds',
    pattern: /math between (\w+) pointer and register with unbounded m\w+ value is not allowed/,
    explain: (it) => ({
      cause: 'what is added to a pointer may be negative, or has no limit at all',
      repair: limit(it.isC),
      registers: operandsOf(it),
    }),
  },
  {
    class: 'bounds',
    pattern: /math between (\w+) pointer and (-?\d+) is not allowed/,
    when: (it) => / [-+]= r\d+$/.test(it.step?.text ?? ''),
    explain: (it) => ({
      cause: `${it.match[2]} is added to a pointer, more than any memory has (2^29)`,
      repair: limit(it.isC),
      registers: operandsOf(it),
    }),
  },
  {
    class: 'bounds',
    pattern:
      /value (-?\d+) makes (\w+) pointer be out of bounds|makes \w+ pointer be out of bounds/,
    explain: (it) => ({
      cause: 'what is added to the pointer may be more than any memory has (2^29)',
      repair: limit(it.isC),
      registers: operandsOf(it),
    }),
  },
  {
    class: 'bounds',
    pattern: /R(\d+) min value is negative, either use unsigned (?:index|or)/,
    explain: (it) => {
      const register = registerOf(it);
      const isPointer = parseValue(it.held(register) ?? '').type !== 'scalar';
      const [own = register] = isPointer ? addendOf(it, register) : [ownRegister(it, register)];
      return {
        cause: isPointer
          ? `${register} may point before the start of its memory`
          : `${register} is a size that may be negative, or has no limit at all`,
        repair: it.isC
          ? 'make it unsigned and limit it: if (size > MOST) return 0; or size &= MOST - 1;'
          : `compare without signs, which excludes negative numbers as well: jgt(${own}, most, out); or and(${own}, most)`,
        registers: [register, ...addendOf(it, register)],
      };
    },
  },
  {
    class: 'bounds',
    pattern: /R(\d+) memory size (\d+) is too large|(\w+) pointer offset (-?\d+) is not allowed/,
    explain: (it) => ({
      cause: `${it.match[2] ?? it.match[4]} is more than any memory has (2^29)`,
      repair: limit(it.isC),
      registers: it.match[1] === undefined ? operandsOf(it) : [registerOf(it)],
    }),
  },
  {
    class: 'bounds',
    pattern: /R(\d+) unbounded (?:memory access|size)/,
    explain: (it) => ({
      cause: `${registerOf(it)} has no limit above`,
      repair: limit(it.isC),
    }),
  },
  {
    class: 'bounds',
    pattern: /R(\d+) invalid zero-sized read: u64=\[0,(\d+)\]/,
    when: ({ match }) => Number(match[2]) >= 2 ** 29,
    explain: (it) => ({
      cause: `${registerOf(it)} is a size that may be anything from 0 to ${it.match[2]}`,
      repair: it.isC
        ? 'give it limits: if (size == 0 || size > MOST) return 0;'
        : `give it limits: jeq(${ownRegister(it, registerOf(it))}, 0, out), jgt(${ownRegister(it, registerOf(it))}, most, out)`,
    }),
  },
  {
    class: 'bounds',
    pattern: /R(\d+) invalid zero-sized read(?:: u64=\[0,(\d+)\])?/,
    explain: (it) => ({
      cause: `${registerOf(it)} is a size${it.match[2] === undefined ? ' that may be 0' : ` from 0 to ${it.match[2]}`}, and this helper does not take 0`,
      repair: it.isC
        ? 'leave when it is 0: if (!size) return 0;'
        : `leave when it is 0: jeq(${ownRegister(it, registerOf(it))}, 0, out)`,
    }),
  },
  {
    class: 'bounds',
    pattern: /invalid zero-sized read/,
    when: ({ step }) => !/^bpf_map_/.test(calledBy(step) ?? ''),
    explain: ({ step }) => ({
      cause: `${calledBy(step) ?? 'the helper'} is given a size that may be 0, which it does not take`,
      repair: 'leave when the size is 0',
      registers: [],
    }),
  },
  {
    class: 'context-access',
    pattern: /invalid bpf_context access off=(-?\d+) size=(\d+)/,
    explain: ({ match, step, isC }) => {
      const [, offset, size] = match;
      const writes = /^(?:\*|lock)/.test(step?.text ?? '');
      return {
        cause: `programs of this type may not ${writes ? 'write' : 'read'} ${size} bytes at offset ${offset} of their context: there is no such field, it has another size, or it is not for them`,
        repair: isC
          ? 'use the fields of the context that this program type has, each in its own size'
          : 'use the layout of the context, whose fields have their sizes; its documentation says which are for which programs',
        registers: [],
      };
    },
  },
  {
    class: 'context-access',
    pattern: /BPF_\w+ stores into R(\d+) ctx is not allowed/,
    explain: (it) => ({
      cause: `${registerOf(it)} is the context, in which this instruction may not write`,
      repair: 'load the field, change it and store it from a register',
    }),
  },
  {
    class: 'context-access',
    pattern:
      /invalid access to context, ctx_size=|Only pointer access is allowed|direct access to (\w+) is disallowed|func '.*' offset \d+ is not multiple of 8/,
    explain: ({ match }) => ({
      cause: `this is no argument of the hook that programs may load${match[1] === undefined ? '' : `: ${match[1]}`}`,
      repair: 'load each argument with its 8 bytes, by its name',
      registers: [],
    }),
  },
  {
    class: 'invalid-instruction',
    pattern: /BPF_ATOMIC (?:stores into|loads from) R(\d+) (\w+) is not allowed/,
    explain: (it) => ({
      cause: `${registerOf(it)} is ${describeType(it.match[2]!)}, where nothing is changed atomically`,
      repair: 'use atomic operations on the stack, the values of maps, and records',
    }),
  },
  {
    class: 'read-only',
    pattern: /write into map forbidden, value_size=\d+ off=(-?\d+) size=(\d+)/,
    explain: ({ step, isC }) => {
      const to = /^(?:lock )?\*\(\w+ \*\)\(r(\d+)/.exec(step?.text ?? '')?.[1];
      return {
        cause: 'programs may not write this map: it holds constants (BPF_F_RDONLY_PROG)',
        repair: isC
          ? 'leave out const, or copy the value first'
          : 'leave out { readonly: true } of globals(), or copy the value to the stack first',
        registers: to === undefined ? ['r1'] : [`r${to}`],
      };
    },
  },
  {
    class: 'read-only',
    pattern:
      /cannot write into (packet|\w+)|R(\d+) cannot write into (\w+)|write access to (\w+) is not allowed/,
    explain: ({ match }) => ({
      cause: `programs of this type may only look at ${match[1] === 'packet' ? 'the packet' : `a ${match[1] ?? match[3] ?? match[4]}`}`,
      repair: 'write into memory of your own: the stack, a map, a record',
    }),
  },
  {
    class: 'read-only',
    pattern: /read from map forbidden, value_size=\d+/,
    explain: ({ step }) => ({
      cause: 'programs may only write this map, not read it (BPF_F_WRONLY_PROG)',
      repair: 'leave out the flag of the map',
      registers: baseOf(step?.text),
    }),
  },
  {
    class: 'read-only',
    pattern: /only read (?:is|from (\w+) is) supported/,
    explain: ({ match }) => ({
      cause: `${match[1] ? `a ${match[1]}` : 'an object'} of the kernel may be read, but not written`,
      repair: 'change it with a helper, if there is one for it',
    }),
  },
  {
    class: 'kernel-memory',
    pattern: /R(\d+) is ptr_(\w+) invalid (?:negative|variable)? ?(?:offset|access)?/,
    explain: (it) => ({
      cause: `this does not lie within the ${it.match[2]} that ${registerOf(it)} points to`,
      repair: it.isC
        ? 'read a field by its name; CO-RE finds where it is'
        : 'read a field by its name, of a kernelStruct(): CO-RE finds where it is',
    }),
  },
  {
    class: 'kernel-memory',
    pattern: /access beyond (?:struct|the end of member) (\w+)/,
    explain: ({ match, step, isC }) => ({
      cause: `this reaches beyond the end of ${match[1]}`,
      repair: isC
        ? 'read a field by its name; CO-RE finds where it is'
        : 'read a field by its name, of a kernelStruct(): CO-RE finds where it is',
      registers: baseOf(step?.text),
    }),
  },
  {
    class: 'kernel-memory',
    pattern: /R(\d+) invalid (\w+) access off=(-?\d+) size=(\d+)/,
    explain: (it) => ({
      cause: `${it.match[4]} bytes at offset ${it.match[3]} are no field of the ${it.match[2]} that ${registerOf(it)} points to`,
      repair: 'read its fields, each in its own size',
    }),
  },
  {
    class: 'kernel-memory',
    pattern: /access beyond|cannot access ptr member/,
    explain: () => ({
      cause: 'this does not fit a field of the object',
      repair: 'read a field by its name',
    }),
  },
  {
    class: 'misaligned-access',
    pattern: /misaligned (stack|value|packet|context|\w+)? ?(?:pointer )?access off .* size (\d+)/,
    explain: ({ match, step, isC }) => ({
      cause: `${match[2]} bytes are accessed at an address that is no multiple of ${match[2]}`,
      repair: isC
        ? 'keep the order of the fields and do not pack the struct, or access it byte by byte'
        : `use an offset that is a multiple of ${match[2]}; stack() and struct() align what they place`,
      registers: baseOf(step?.text),
    }),
  },
];
