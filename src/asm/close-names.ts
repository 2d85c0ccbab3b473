/**
 * @module
 * Which names somebody may have meant who wrote one that does not exist.
 */

/** The names that are like this one, best first, at most five: a few letters off, or longer by a part. */
export const closeNames = (name: string, names: Iterable<string>): string[] => {
  const most = Math.max(1, Math.floor(name.length / 4));
  const found: { readonly name: string; readonly distance: number }[] = [];
  for (const candidate of new Set(names)) {
    const distance = distanceOf(name, candidate, most);
    if (distance <= most) found.push({ name: candidate, distance });
    else if (name.length > 2 && candidate.includes(name)) {
      found.push({ name: candidate, distance: most + candidate.length - name.length });
    }
  }
  return found
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, 5)
    .map((each) => each.name);
};

/** How many letters to insert, remove or replace (Levenshtein); more than `most` is not told apart. */
const distanceOf = (a: string, b: string, most: number): number => {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, previous[j]! + 1, row[j - 1]! + 1));
    }
    if (Math.min(...row) > most) return most + 1;
    previous = row;
  }
  return previous[b.length]!;
};
