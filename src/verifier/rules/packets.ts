/**
 * @module
 * Packets: what is read beyond what was compared with their end, and pointers into packets that have moved.
 */
import { type Case, calledBy, type Rule, registerOf } from '../rule.ts';
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

export const PACKETS: readonly Rule[] = [
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
    pattern:
      /invalid access to packet, off=(-?\d+) size=(\d+), R(\d+)\(id=\d+,off=(-?\d+),r=(\d+)\)/,
    explain: ({ match, isC }) => {
      const [, offset, size, register, , range] = match;
      const end = Number(offset) + Number(size);
      if (Number(offset) < 0)
        return {
          cause: `this reaches ${-Number(offset)} bytes before what r${register} was made from`,
          repair: 'start at data, and move forward only',
          registers: [`r${register}`],
        };
      const known = Number(range) === 0 ? 'none was' : `only ${range} were`;
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
