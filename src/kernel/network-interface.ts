/**
 * @module
 * Network interfaces by name or index, in the network namespace of this process.
 */
import { NotFoundError } from '../object/index.ts';
import { type InterfaceInfo, interfaceInfo } from '../syscall/index.ts';

/** An interface. Throws a NotFoundError when there is none. */
export const interfaceOf = (nameOrIndex: string | number): InterfaceInfo => {
  const found = interfaceInfo(nameOrIndex);
  if (found) return found;
  throw new NotFoundError(
    `there is no network interface ${nameOrIndex} in this network namespace: ip link lists those that are`,
  );
};
