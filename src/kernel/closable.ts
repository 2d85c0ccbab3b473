/**
 * @module
 * Things that own something of the kernel's, and closing many of them.
 */

/** Whatever owns something. Closing it the second time does nothing. */
export interface Closable {
  close(): void;
}

/** Closes all in order, and then throws what the first that failed threw. */
export const closeAll = (owned: readonly Closable[]): void => {
  const errors: unknown[] = [];
  for (const each of owned) {
    try {
      each.close();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
};

/** Runs what makes something of several parts; when it throws, the parts that it had got are closed, the newest first. */
export const assembled = <T>(make: (own: <C extends Closable>(part: C) => C) => T): T => {
  const parts: Closable[] = [];
  try {
    return make((part) => {
      parts.push(part);
      return part;
    });
  } catch (error) {
    closeAll(parts.reverse());
    throw error;
  }
};
