/**
 * Reading whole maps: in batches where the type and the kernel have them (160 ns for an entry), else from key to
 * key (1700 ns). Each yields chunks of raw keys and values, whose memory is used again for the next.
 *
 * Hash tables give whole buckets, each once, so that no key comes twice (__htab_map_lookup_and_delete_batch in
 * kernel/bpf/hashtab.c, Linux 5.6). Elsewhere a walk goes from one key to the next, and when that key was deleted
 * meanwhile the kernel begins with the first again: what was seen is left out.
 * @module
 */
import type { AnyMapSpec } from '../object/index.ts';
import {
  type BatchRead,
  type BatchResult,
  BpfError,
  mapDelete,
  mapInfo,
  mapLookup,
  mapLookupAndDelete,
  mapLookupAndDeleteBatch,
  mapLookupBatch,
  mapNextKey,
} from '../syscall/index.ts';

/** A map to be read. */
export interface Source {
  /** Throws when it is closed. */
  readonly fd: number;
  readonly spec: Pick<AnyMapSpec, 'type'>;
  readonly keySize: number;
  /** Of all CPUs. */
  readonly valueSize: number;
  /** What is not to be used (`batch`, `lookupAndDelete`), and what was found missing. */
  readonly lacks: Set<string>;
}

/** Some entries, one after the other, good until the next are asked for. */
export interface Chunk {
  readonly keys: DataView;
  readonly values: DataView;
  readonly count: number;
}

/** All entries, at most as many as the map can hold; what is added or removed meanwhile may be among them. */
export function* chunks(source: Source): Generator<Chunk, void, undefined> {
  const { maxEntries } = mapInfo(source.fd);
  const seen = source.spec.type === 'lpm_trie' ? new Set<string>() : undefined;
  let left = maxEntries;
  for (const chunk of unbounded(source, maxEntries, seen)) {
    if (left === 0) return;
    yield chunk.count <= left ? chunk : { ...chunk, count: left };
    left -= Math.min(left, chunk.count);
  }
}

function* unbounded(
  source: Source,
  maxEntries: number,
  seen: Set<string> | undefined,
): Generator<Chunk, void, undefined> {
  if (!source.lacks.has('batch') && !source.lacks.has('lookupBatch')) {
    const problem = yield* batches(source, maxEntries, mapLookupBatch, seen);
    if (!problem) return;
    // In the middle of a hash table, nothing is known of what came before.
    if (problem.began && !seen) throw problem.error;
    if (isUnsupported(problem.error)) source.lacks.add('lookupBatch');
  }
  const room = new Room(source, 1);
  for (const key of walk(source, maxEntries, seen)) {
    if (!mapLookup(source.fd, key, room.values)) continue;
    room.keys.set(key);
    yield room.chunk(1);
  }
}

/** Takes all entries out. What has been taken is always yielded: nothing is lost by an error. */
export function* drained(source: Source): Generator<Chunk, void, undefined> {
  const { maxEntries } = mapInfo(source.fd);
  if (!source.lacks.has('batch') && !source.lacks.has('drainBatch')) {
    const problem = yield* batches(source, maxEntries, mapLookupAndDeleteBatch);
    if (!problem) return;
    if (isUnsupported(problem.error)) source.lacks.add('drainBatch');
  }
  const room = new Room(source, 1);
  for (const key of walk(source, maxEntries)) {
    if (!takeOne(source, key, room.values)) continue;
    room.keys.set(key);
    yield room.chunk(1);
  }
}

/** One entry out of the map; false when it is gone. Before Linux 5.14 a change in between is lost. */
function takeOne(source: Source, key: Uint8Array, value: Uint8Array): boolean {
  if (!source.lacks.has('lookupAndDelete')) {
    try {
      return mapLookupAndDelete(source.fd, key, value);
    } catch (error) {
      if (!isUnsupported(error)) throw error;
      source.lacks.add('lookupAndDelete');
    }
  }
  return mapLookup(source.fd, key, value) && mapDelete(source.fd, key);
}

/** ENOTSUPP: not for this type of map; EINVAL: the kernel does not know the command. */
const isUnsupported = (error: unknown): boolean =>
  error instanceof BpfError && (error.code === 'ENOTSUPP' || error.code === 'EINVAL');

// ----------
// In batches
// ----------

/** Bytes that a batch may take; it has room for 8 entries at least. */
const BATCH_BYTES = 128 * 1024;
const BATCH_ENTRIES = 4096;

/** Why batches ended too soon, and whether some had come. */
interface Problem {
  readonly error: BpfError;
  readonly began: boolean;
}

function* batches(
  source: Source,
  maxEntries: number,
  read: (fd: number, batch: BatchRead) => BatchResult,
  seen?: Set<string>,
): Generator<Chunk, Problem | undefined, undefined> {
  const { keySize, valueSize } = source;
  const fitting = Math.min(Math.floor(BATCH_BYTES / (keySize + valueSize)), BATCH_ENTRIES);
  let room = new Room(source, Math.max(1, Math.min(Math.max(fitting, 8), maxEntries)));
  let from: Uint8Array | undefined;
  let began = false;
  let busy = 0;
  for (;;) {
    const next = new Uint8Array(Math.max(4, keySize));
    const { count, done, error } = attempt(read, source.fd, { ...room.asBatch, from, next });
    const fresh = seen ? room.dropSeen(count, seen) : count;
    if (fresh > 0) yield room.chunk(fresh);
    if (done) return undefined;
    began ||= count > 0;
    if (!error) {
      from = next;
      busy = 0;
    } else if (error.code === 'ENOSPC' && count === 0 && room.count <= maxEntries) {
      // A bucket with more entries than there is room.
      room = new Room(source, room.count * 2);
    } else if (isHash(source.spec) && BUSY.has(error.code) && ++busy < MAX_BUSY) {
      from = next;
    } else {
      return { error, began };
    }
  }
}

/** Locks of buckets that a program held on this CPU; the kernel says where to go on. */
const BUSY: ReadonlySet<string> = /* @__PURE__ */ new Set(['EBUSY', 'EDEADLK', 'ETIMEDOUT']);
const MAX_BUSY = 100;

const isHash = ({ type }: Source['spec']): boolean => type.includes('hash');

/** A batch that fails has processed some entries all the same. */
function attempt(
  read: (fd: number, batch: BatchRead) => BatchResult,
  fd: number,
  batch: BatchRead,
): BatchResult & { readonly error?: BpfError } {
  try {
    return read(fd, batch);
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    return { count: error.count ?? 0, done: false, error };
  }
}

/** Memory for some entries. */
class Room {
  readonly count: number;
  readonly keys: Buffer;
  readonly values: Uint8Array;
  readonly #keyView: DataView;
  readonly #valueView: DataView;
  readonly #keySize: number;
  readonly #valueSize: number;

  constructor({ keySize, valueSize }: Source, count: number) {
    this.count = count;
    this.keys = Buffer.alloc(count * keySize);
    this.values = new Uint8Array(count * valueSize);
    this.#keyView = new DataView(this.keys.buffer, this.keys.byteOffset, this.keys.byteLength);
    this.#valueView = new DataView(this.values.buffer);
    this.#keySize = keySize;
    this.#valueSize = valueSize;
  }

  get asBatch(): Pick<BatchRead, 'keys' | 'values' | 'count'> {
    return { keys: this.keys, values: this.values, count: this.count };
  }

  chunk(count: number): Chunk {
    return { keys: this.#keyView, values: this.#valueView, count };
  }

  /** Moves the entries whose keys are new to the front, and returns how many they are. */
  dropSeen(count: number, seen: Set<string>): number {
    let kept = 0;
    for (let i = 0; i < count; i++) {
      const at = i * this.#keySize;
      if (!isNew(this.keys, at, at + this.#keySize, seen)) continue;
      this.keys.copyWithin(kept * this.#keySize, at, at + this.#keySize);
      const from = i * this.#valueSize;
      this.values.copyWithin(kept * this.#valueSize, from, from + this.#valueSize);
      kept++;
    }
    return kept;
  }
}

/** Remembers a key; false if it was known. */
function isNew(keys: Buffer, start: number, end: number, seen: Set<string>): boolean {
  const id = keys.toString('latin1', start, end);
  if (seen.has(id)) return false;
  seen.add(id);
  return true;
}

// ----------
// Key by key
// ----------

/**
 * The keys, each once; the array that is yielded is used again. The next key is asked for before one is yielded, so
 * that deleting what was yielded does not send the walk back to the first.
 */
export function* walk(
  source: Source,
  maxEntries: number,
  seen: Set<string> | undefined = new Set<string>(),
): Generator<Uint8Array, void, undefined> {
  let key = Buffer.alloc(source.keySize);
  let next = Buffer.alloc(source.keySize);
  // Where others delete as fast as this walks, it is sent back again and again: it ends all the same.
  let steps = 8 * (maxEntries + 8);
  let left = maxEntries;
  let more = mapNextKey(source.fd, undefined, key);
  while (more && left > 0 && steps-- > 0) {
    more = mapNextKey(source.fd, key, next);
    if (isNew(key, 0, key.length, seen)) {
      left--;
      yield key;
    }
    [key, next] = [next, key];
  }
}
