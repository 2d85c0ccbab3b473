/**
 * @module
 * Names that C and BTF can hold.
 */

/** Throws unless `name` is a C identifier, which is all that BTF accepts for types and members. */
export const identifier = (what: string, name: string): string => {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    throw new TypeError(`${what} needs a C identifier for a name, got ${JSON.stringify(name)}`);
  }
  return name;
};
