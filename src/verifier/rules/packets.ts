/**
 * @module
 * Packets: what is read beyond what was compared with their end, and pointers into packets that have moved.
 */
import { lossOf } from '../provenance.ts';
import { type Case, calledBy, type Rule, registerOf } from '../rule.ts';
import type { Step } from '../steps.ts';
import { parseValue } from '../value.ts';

const isLost =
  (type: RegExp) =>
  (it: Case): boolean =>
    type.test(parseValue(it.loss(registerOf(it))?.value ?? '').type);

const stale = (it: Case) => {
  const register = registerOf(it);
  const { step } = it.loss(register)!;
  const called = calledBy(step) ?? 'the subprogram that was called';
  return {
    cause: `${register} pointed into the packet, but ${called} may have moved it: such pointers are void after it`,
    repair: `load data and data_end from the context again after the call, and compare them again`,
    registers: [register],
  };
};

const ACCESS =
  /invalid access to packet, off=(-?\d+) size=(\d+), R(\d+)\(id=(\d+),off=(-?\d+),r=(\d+)\)/;

/** MAX_PACKET_OFF in kernel/bpf/verifier.c. */
const FARTHEST = 0xffff;

/** The last comparison of a pointer into the packet on the way, with an end that a call had made void before. */
const staleEnd = ({
  steps,
}: Case): { readonly compared: Step; readonly call: Step } | undefined => {
  for (let at = steps.at(-1)?.previous; at !== undefined; at = steps[at]!.previous) {
    const compared = steps[at]!;
    const names = /^if (r\d+) [<>]=? (r\d+) goto/.exec(compared.text)?.slice(1) ?? [];
    const types = names.map((name) => parseValue(compared.before[name] ?? '').type);
    const other = types[0] === 'pkt' ? 1 : types[1] === 'pkt' ? 0 : undefined;
    if (other === undefined) continue;
    const loss = lossOf(steps, at, names[other]!);
    return parseValue(loss?.value ?? '').type === 'pkt_end'
      ? { compared, call: loss!.step }
      : undefined;
  }
  return undefined;
};

export const PACKETS: readonly Rule[] = [
  {
    class: 'stale-packet',
    pattern: ACCESS,
    when: (it) => staleEnd(it) !== undefined,
    explain: (it) => {
      const { compared, call } = staleEnd(it)!;
      const called = calledBy(call) ?? 'the subprogram that was called';
      return {
        cause: `instruction ${compared.slot} compares with an end that is void: ${called} may have moved the packet since it was loaded`,
        repair: 'load data_end again after the call as well, not only data',
        registers: [`r${it.match[3]}`],
      };
    },
  },
  {
    class: 'stale-packet',
    pattern: /R(\d+) invalid mem access '(?:scalar|inv)'/,
    when: isLost(/^pkt/),
    explain: stale,
  },
  {
    class: 'stale-packet',
    pattern: /R(\d+) type=(?:scalar|inv) expected=/,
    when: isLost(/^pkt/),
    explain: stale,
  },
  {
    class: 'packet-bounds',
    pattern: ACCESS,
    explain: ({ match, isC, held }) => {
      const [, offset, size, register, id, , range] = match;
      const end = Number(offset) + Number(size);
      if (Number(offset) < 0)
        return {
          cause: `this reaches ${-Number(offset)} bytes before what r${register} was made from`,
          repair: 'start at data, and move forward only',
          registers: [`r${register}`],
        };
      const known = Number(range) === 0 ? 'none was' : `only ${range} were`;
      const most = Number(parseValue(held(`r${register}`) ?? '').fields.umax ?? 0);
      if (most + end > FARTHEST)
        return {
          cause: `a number up to ${most} was added to r${register}, and comparisons of pointers that may lie more than ${FARTHEST} bytes into the packet count for nothing`,
          repair: isC
            ? 'limit the number before it is added: if (length > 1500) return 0;'
            : 'limit the number before it is added: jgt(length, 1500, out)',
          registers: [`r${register}`],
        };
      // Each sum with such a number has an id of its own, and what was compared before counts for nothing.
      if (id !== '0')
        return {
          cause: `a number that is not constant was added to r${register}, and this reaches ${end} bytes further, of which ${known} compared with the end of the packet since`,
          repair: isC
            ? `compare again after the addition: if (pointer + ${end} > data_end) return 0;`
            : `compare again after the addition: mov(r0, pointer), add(r0, ${end}), jgt(r0, dataEnd, out)`,
          registers: [`r${register}`],
        };
      return {
        cause: `this reaches ${end} bytes into the packet, of which ${known} compared with its end`,
        repair: isC
          ? `compare first: if (data + ${end} > data_end) return 0;`
          : `compare first: mov(r0, data), add(r0, ${end}), jgt(r0, dataEnd, out), and go on where it does not jump`,
        registers: [`r${register}`],
      };
    },
  },
  {
    class: 'packet-bounds',
    pattern: /R(\d+) (?:min|max) value is outside of the allowed memory range/,
    when: (it) => /^pkt/.test(parseValue(it.held(registerOf(it)) ?? '').type),
    explain: (it) => ({
      cause: `${registerOf(it)} may point beyond the end of the packet`,
      repair: 'limit what is added to it, and compare the sum with data_end',
    }),
  },
  {
    class: 'packet-bounds',
    pattern: /R(\d+) (?:invalid mem access 'pkt_end'|pointer arithmetic on pkt_end prohibited)/,
    explain: (it) => ({
      cause: `${registerOf(it)} is the end of the packet, which is only there to be compared with`,
      repair: 'move a copy of data forward, and compare that with data_end',
    }),
  },
];
