/**
 * @module
 * Text that is safe on a terminal.
 */

/** Escapes what would move the cursor or change the terminal: file names may hold anything. */
export const printable = (text: string): string =>
  text.replace(
    /\p{Cc}/gu,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
