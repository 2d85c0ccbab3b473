/**
 * What the checks of attaching share: a list that a plain script can run, programs that count, and packets on `lo`.
 * Without vitest, so that the same checks run on other kernels.
 */
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AnyMapSpec,
  atomicAdd,
  type Code,
  exit,
  globals,
  lea,
  mov,
  type ObjectSpec,
  object,
  type ProgramEntry,
  type ProgramSpec,
  r0,
  r1,
  r2,
  struct,
  u64,
} from '../../src/index.ts';
import { type Feature, type LoadedObject, loadObject } from '../../src/kernel/index.ts';
import { closeFd, fdById, isAtLeast, openDescriptors } from '../../src/syscall/index.ts';
import { routeRequest } from '../../src/syscall/netlink.ts';
import { interfaceHeader } from '../../src/syscall/netlink-interface.ts';

export interface Check {
  readonly name: string;
  /** The oldest kernel that can do it. */
  readonly since?: string;
  readonly run: () => void | Promise<void>;
}

/** The outcome of one check; without `error` and `skipped` it is as it should be. */
export interface Outcome {
  readonly name: string;
  readonly error?: string;
  readonly skipped?: string;
}

/** What the next check throws to say that this machine cannot do it. */
export class Skip extends Error {}

/** Runs one after the other, and tells each outcome at once. Each must leave no descriptor behind. */
export const runChecks = async (
  checks: readonly Check[],
  tell: (outcome: Outcome) => void,
): Promise<void> => {
  for (const { name, since, run } of checks) {
    if (since && !isAtLeast(since)) {
      tell({ name, skipped: `needs Linux ${since}` });
      continue;
    }
    const before = openDescriptors();
    try {
      await run();
      assert.equal(openDescriptors(), before, 'descriptors are left');
      tell({ name });
    } catch (error) {
      if (error instanceof Skip) tell({ name, skipped: error.message });
      else tell({ name, error: String((error as Error).stack ?? error) });
    }
  }
};

/** Refuses to go on where there is a network: in the namespace of the machine. */
export const assertOwnNetwork = (): void => {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  assert.ok(
    addresses.every(({ internal }) => internal),
    'run it in a network namespace of its own: unshare -n',
  );
};

const IFF_UP = 1;

/** Brings an interface up. */
export const up = (index: number): void => {
  routeRequest({
    call: 'RTM_SETLINK',
    attempt: `bring up interface ${index}`,
    type: 19,
    flags: 0,
    header: interfaceHeader(index, IFF_UP, IFF_UP),
    attributes: [],
  });
};

export const LO = 1;

// ----------
// Programs
// ----------

export const Counter = struct('counter', { first: u64.number, second: u64.number });

type Make = (body: Code) => ProgramSpec;

/** Two programs that count how often they run, and then return a number each. */
export const counting = (make: Make, first: number, second = first) => {
  const counter = globals(Counter);
  const body = (field: 'first' | 'second', result: number): Code => [
    lea(r1, counter),
    mov(r2, 1),
    atomicAdd(Counter.at(r1)[field], r2),
    mov(r0, result),
    exit(),
  ];
  return object({
    license: 'GPL',
    maps: { counter },
    programs: { first: make(body('first', first)), second: make(body('second', second)) },
  });
};

/** Loads an object for as long as `use` takes. Afterwards the kernel must have let go of its programs. */
export const withObject = async <
  M extends Record<string, AnyMapSpec>,
  P extends Record<string, ProgramEntry>,
>(
  spec: ObjectSpec<M, P>,
  use: (loaded: LoadedObject<M, P>) => void | Promise<void>,
  without: readonly Feature[] = [],
): Promise<void> => {
  const loaded = loadObject(spec, { without });
  const ids = Object.values(loaded.programs).map((program) => program!.info().id);
  try {
    await use(loaded);
  } finally {
    loaded.close();
  }
  for (let attempt = 0; ids.some(isLoaded); attempt++) {
    assert.ok(attempt < 100, `programs ${ids.filter(isLoaded)} are held after close()`);
    await sleep(10);
  }
};

const isLoaded = (id: number): boolean => {
  const fd = fdById('prog', id);
  if (fd !== undefined) closeFd(fd);
  return fd !== undefined;
};

/** The error that a function throws. */
export const thrownBy = (run: () => unknown): Error => {
  try {
    run();
  } catch (error) {
    return error as Error;
  }
  throw new Error('expected it to throw');
};

// ----------
// Packets
// ----------

/** How long to wait for a packet that may have been dropped. */
export const PATIENCE_MS = Number(process.env.BEESPOKE_PATIENCE ?? 250);

/** A UDP socket on `lo`. */
export const udp = async (port = 0, type: 'udp4' | 'udp6' = 'udp4'): Promise<Socket> => {
  const socket = createSocket(type);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(port, type === 'udp4' ? '127.0.0.1' : '::1', resolve);
    });
  } catch (error) {
    socket.close();
    throw error;
  }
  return socket;
};

export const portOf = (socket: { address(): unknown }): number =>
  (socket.address() as AddressInfo).port;

interface Handle {
  readonly fd: number;
}

/** The descriptor of a socket of Node's, of TCP or UDP. */
export const fdOf = (socket: object): number => {
  // Node keeps that of UDP sockets behind a symbol.
  const state = Object.getOwnPropertySymbols(socket).find(
    ({ description }) => description === 'state symbol',
  );
  if (!state) return (socket as { readonly _handle: Handle })._handle.fd;
  return (socket as Record<symbol, { readonly handle: Handle }>)[state]!.handle.fd;
};

/** Whether a datagram from one socket comes to another. */
export const arrives = async (from: Socket, to: Socket): Promise<boolean> => {
  const { port, address } = to.address() as AddressInfo;
  let got = false;
  const received = new Promise<void>((resolve) =>
    to.once('message', () => {
      got = true;
      resolve();
    }),
  );
  const refused = await new Promise<Error | null>((resolve) =>
    from.send('x', port, address, resolve),
  );
  if (!refused) await Promise.race([received, sleep(PATIENCE_MS)]);
  to.removeAllListeners('message');
  return got;
};

/** Whether a datagram gets through `lo`, to any port or to this one. */
export const passes = async (port = 0): Promise<boolean> => {
  const to = await udp(port);
  const from = await udp();
  try {
    return await arrives(from, to);
  } finally {
    to.close();
    from.close();
  }
};
