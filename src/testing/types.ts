/**
 * @module
 * What matchers expect, from the type of what they look at: `expect(maps.events).toEmit(...)` knows the event's fields.
 */

/** As much of a value as a test cares about: fields that are left out are not looked at. */
export type Part<T> = T extends Uint8Array
  ? T
  : T extends readonly (infer E)[]
    ? readonly Part<E>[]
    : T extends object
      ? { readonly [K in keyof T]?: Part<T[K]> }
      : T;

/** The events of a buffer, simulated or live. */
export type EmittedBy<T> = T extends { readonly lost: number; read(): Iterable<infer E> }
  ? E
  : T extends { readonly lost: number; read(): AsyncIterable<infer E, undefined> }
    ? E
    : never;

type MapsOf<T> = T extends { readonly maps: infer M } ? M : never;

/** The names of the maps of a simulation, or of an object in the kernel. */
export type MapName<T> = keyof MapsOf<T> & string;

/** What a map holds: pairs of keys and values, or variables by their names. */
export type EntriesOf<T, N> = N extends keyof MapsOf<T> ? Entries<MapsOf<T>[N]> : never;
type Entries<M> = M extends { entries(): Iterable<readonly [infer K, infer V]> }
  ? Iterable<readonly [K, V]>
  : M extends { values(): infer V extends object }
    ? Part<V>
    : never;
