/**
 * @module
 * Patterns of names, as libbpf has them for multi-probes: `*` is any characters, `?` is one.
 */

/** Whether a name is a pattern. */
export const isGlob = (name: string): boolean => /[*?]/.test(name);

/** A test of names. No regular expression: those take for ever for patterns such as `a*a*a*a*a*b`. */
export const glob =
  (pattern: string): ((name: string) => boolean) =>
  (name) => {
    let at = 0;
    let within = 0;
    // Where to go on when what follows the last star does not fit: the star takes one character more.
    let star = -1;
    let taken = 0;
    while (within < name.length) {
      if (pattern[at] === '*') {
        star = at++;
        taken = within;
      } else if (pattern[at] === '?' || pattern[at] === name[within]) {
        at++;
        within++;
      } else if (star >= 0) {
        at = star + 1;
        within = ++taken;
      } else return false;
    }
    while (pattern[at] === '*') at++;
    return at === pattern.length;
  };
