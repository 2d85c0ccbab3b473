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
import { configuration } from '../../src/kernel/configuration.ts';
import { type Feature, type LoadedObject, loadObject } from '../../src/kernel/index.ts';
import { BpfError, closeFd, fdById, isAtLeast, openDescriptors } from '../../src/syscall/index.ts';
import { routeRequest } from '../../src/syscall/netlink.ts';
import { interfaceHeader } from '../../src/syscall/netlink-interface.ts';
import { openSocket, sendTo } from '../../src/syscall/sockets.ts';

export interface Check {
  readonly name: string;
  /** What is attached: a row in the table of docs/kernels.md. */
  readonly hook: string;
  /** How, where this check is about one of several ways. */
  readonly way?: string;
  /** The option of the kernel without which there is no such hook. */
  readonly option?: string;
  /** The oldest kernel that can do it. */
  readonly since?: string;
  /** That it changes how the whole machine works, which must be there for the checks alone. */
  readonly alone?: boolean;
  readonly run: () => void | Promise<void>;
}

/** The outcome of one check; with nothing but the name it is as it should be. */
export interface Outcome {
  readonly name: string;
  readonly error?: string;
  readonly skipped?: string;
}

/** What a check throws to say that this machine cannot do it. */
export class Skip extends Error {}

/** What the kernel lacks for a check; undefined if it must be able to do it. */
export const lackOf = ({ since, option }: Pick<Check, 'since' | 'option'>): string | undefined => {
  if (since !== undefined && !isAtLeast(since)) return `needs Linux ${since}`;
  const isSet = option === undefined || /^[ym]$/.test(configuration(option) ?? '');
  return isSet ? undefined : `needs ${option}`;
};

/** Whether the kernel takes no programs at trampolines from anybody, as that of the development machine. */
export const isForbidden = (error: unknown): boolean =>
  error instanceof BpfError &&
  error.code === 'EPERM' &&
  /^cannot load the (tracing|lsm|ext) program/.test(error.message);

/** Runs a check, which must leave no descriptor behind. Throws what it throws. */
export const runCheck = async ({ run }: Check): Promise<void> => {
  const before = openDescriptors();
  await run();
  assert.equal(openDescriptors(), before, 'descriptors are left');
};

/** Runs one after the other, and tells each outcome at once. */
export const runChecks = async (
  checks: readonly Check[],
  tell: (outcome: Outcome) => void,
): Promise<void> => {
  for (const check of checks) {
    const { name } = check;
    const lack = lackOf(check);
    if (lack !== undefined || check.alone) {
      tell({ name, skipped: lack ?? 'it is for a machine of its own' });
      continue;
    }
    try {
      await runCheck(check);
      tell({ name });
    } catch (error) {
      if (error instanceof Skip) tell({ name, skipped: error.message });
      else if (isForbidden(error))
        tell({ name, skipped: 'this machine allows it to nobody (EPERM)' });
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

/** An empty UDP packet of `lo`. */
const IPV4 = [
  ...[0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1],
  ...[0, 0, 0, 0, 0, 0, 0, 0],
];
const VERSION_6 = 6;

/** Sends an IP packet through a packet socket out of an interface: the kernel takes it apart on its way. */
export const sendRaw = (index: number, bytes: readonly number[] = IPV4): void => {
  const AF_PACKET = 17;
  const SOCK_DGRAM = 2;
  const fd = openSocket(AF_PACKET, SOCK_DGRAM, 0);
  try {
    const packet = Uint8Array.from(bytes);
    const protocol = packet[0]! >> 4 === VERSION_6 ? [0x86, 0xdd] : [0x08, 0x00];
    // struct sockaddr_ll: family, protocol, interface, no address
    const to = new Uint8Array(20);
    to.set([AF_PACKET, 0, ...protocol, index, 0, 0, 0, 0, 0, 0, 6]);
    sendTo(fd, packet, to);
  } finally {
    closeFd(fd);
  }
};
