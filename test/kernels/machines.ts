/**
 * The kernels of the matrix: Debian's cloud kernels, from the suites that still carry them, and the kernel that runs
 * here. Which version a suite has today is asked each time.
 */

export type Architecture = 'amd64' | 'arm64';

export interface Machine {
  /** As it is asked for: `npm run test:kernels -- 6.1`. */
  readonly name: string;
  readonly suite: string;
  readonly architecture: Architecture;
}

export const MACHINES: readonly Machine[] = [
  { name: '5.10', suite: 'bullseye', architecture: 'amd64' },
  { name: '6.1', suite: 'bookworm', architecture: 'amd64' },
  { name: '6.12', suite: 'trixie', architecture: 'amd64' },
  { name: '7.2', suite: 'sid', architecture: 'amd64' },
  { name: 'arm64', suite: 'trixie', architecture: 'arm64' },
];

/** The kernel that this process runs on, without a machine around it. */
export const HERE = 'here';

/** What emulates a machine of an architecture, and how its parts are called. */
export const EMULATORS = {
  amd64: {
    command: 'qemu-system-x86_64',
    package: 'qemu-system-x86',
    // QEMU 7.2 leaves wrong flags behind cmpxchg16b when an interrupt meets it: kernels of 6.12 panicked in kmalloc.
    options: ['-cpu', 'max,cx16=off'],
    console: 'ttyS0',
  },
  arm64: {
    command: 'qemu-system-aarch64',
    package: 'qemu-system-arm',
    // With `max` Node crashed in code that it had compiled, four times of four.
    options: ['-machine', 'virt', '-cpu', 'cortex-a72'],
    console: 'ttyAMA0',
  },
} as const;
