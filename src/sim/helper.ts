/**
 * @module
 * What a simulated helper is, and how it reaches what its arguments point to.
 */
import type { HelperResult } from './engine.ts';
import type { Machine } from './machine.ts';
import type { SimulatedMap } from './maps/map.ts';
import type { Registers } from './registers.ts';

/** A helper: arguments in r1 to r5, result returned. */
export type HelperFunction = (machine: Machine, registers: Registers) => HelperResult;

/** The place in the heap of memory that the kernel's verifier would have checked; a fault where it is not there. */
export const readable = (machine: Machine, register: number, size: number): number => {
  const { memory, registers } = machine;
  if (size === 0) return 0;
  const at = memory.find(registers.high[register]!, registers.low[register]!, size);
  if (at < 0)
    throw machine.fault(
      `r${register} does not point to ${size} bytes: it ${machine.describe(registers.get(register))}`,
    );
  if (!memory.isWritten(at, size)) machine.reportUnwritten();
  return at;
};

/** `readable` for memory that the helper fills. */
export const writable = (machine: Machine, register: number, size: number): number => {
  const { memory, registers } = machine;
  if (size === 0) return 0;
  const at = memory.find(registers.high[register]!, registers.low[register]!, size, true);
  if (at < 0)
    throw machine.fault(
      `r${register} does not point to ${size} bytes that may be written: it ${machine.describe(registers.get(register))}`,
    );
  memory.wrote(at, size);
  return at;
};

/** Whether a register holds no flags beside these, in any of its 64 bits. */
export const hasOnly = ({ high, low }: Registers, register: number, flags: number): boolean =>
  high[register] === 0 && (low[register]! & ~flags) === 0;

/** The map that a register holds, of a class of maps. */
export const mapIn = <M extends SimulatedMap>(
  machine: Machine,
  register: number,
  kind: abstract new (...args: never[]) => M,
): M => {
  const map = machine.mapAt(machine.registers.get(register));
  if (map instanceof kind) return map;
  throw machine.fault(
    map
      ? `r${register} holds the map ${map.name}, a ${map.spec.type}, which the helper does not take`
      : `r${register} does not hold a map: it ${machine.describe(machine.registers.get(register))}`,
  );
};
