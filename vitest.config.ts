import { defineConfig } from 'vitest/config';

/**
 * Tests that load programs into the kernel. Attached programs see what the tests beside them do and the kernel skips
 * them while others run, so these files run one after the other.
 */
const LIVE = [
  'test/{syscall,kernel,objects,programs,testing,cli}/**/*.test.ts',
  'test/**/*{kernel,live}*.test.ts',
];
/**
 * Tests that only load programs and run them on data of their own, or let others judge them: nothing that is attached
 * anywhere sees them, so they may run beside each other.
 */
const LOADING = [
  'test/{object,sim,verifier}/**/*{kernel,live}*.test.ts',
  'test/elf/write-{live,externs-live}.test.ts',
  'test/objects/**/*.test.ts',
  'test/kernel/{core-targets,link-objects}.test.ts',
];
/** Tests of the package as it is published: they keep both cores busy, so they come last. */
const PACKAGE = ['test/package/**/*.test.ts'];

export default defineConfig({
  test: {
    testTimeout: 30_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'pure',
          include: ['test/**/*.test.ts'],
          exclude: [...LIVE, ...PACKAGE],
          // By default vitest leaves one core to itself, which is half of a small machine.
          maxWorkers: '100%',
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'loading',
          include: LOADING,
          maxWorkers: '100%',
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'live',
          include: LIVE,
          exclude: [...PACKAGE, ...LOADING],
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'package',
          include: PACKAGE,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: 'types',
          typecheck: { enabled: true, only: true, include: ['test/**/*.test-d.ts'] },
        },
      },
    ],
  },
});
