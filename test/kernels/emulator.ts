/**
 * A machine under QEMU, in software: boots a kernel, hands on what its console says, and is always ended.
 *
 * One thread emulates both processors of a machine: two machines at a time keep two processors busy.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { type Architecture, EMULATORS } from './machines.ts';

const running = new Set<ChildProcess>();

/** Ends every machine. */
export const endMachines = (): void => {
  for (const child of running) child.kill('SIGKILL');
};

export interface Boot {
  readonly architecture: Architecture;
  readonly image: string;
  readonly initramfs: string;
  readonly seconds: number;
  /** Each line of the console. */
  readonly onLine: (line: string) => void;
}

/** Boots and resolves when the machine has switched itself off, or was ended: to the reason then. */
export const boot = ({
  architecture,
  image,
  initramfs,
  seconds,
  onLine,
}: Boot): Promise<string | undefined> => {
  const { command, options, console } = EMULATORS[architecture];
  const child = spawn(
    command,
    [
      ...options,
      ...'-accel tcg,thread=single -m 3072 -smp 2 -no-reboot -net none'.split(' '),
      ...'-display none -monitor none -serial stdio'.split(' '),
      ...['-kernel', image, '-initrd', initramfs],
      // On a busy host x86-64 measures the speed of its TSC wrongly, and then its clock goes ten times too fast.
      // Should this process be killed, the machine ends by itself.
      ...[
        '-append',
        `console=${console} quiet loglevel=1 panic=-1 lsm=bpf clocksource=hpet limit=${seconds + 60}`,
      ],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  running.add(child);
  let complaint = '';
  child.stderr.on('data', (data) => {
    complaint += data;
  });
  createInterface({ input: child.stdout }).on('line', onLine);
  return new Promise((resolve) => {
    let reason: string | undefined;
    const timer = setTimeout(() => {
      reason = `not done after ${seconds} s`;
      child.kill('SIGKILL');
    }, seconds * 1000);
    child.on('error', (error) => {
      reason = error.message;
    });
    child.on('close', (status) => {
      clearTimeout(timer);
      running.delete(child);
      resolve(
        reason ??
          (status === 0 ? undefined : `${command} ended with ${status}: ${complaint.trim()}`),
      );
    });
  });
};
