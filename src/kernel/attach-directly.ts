/**
 * @module
 * Attaching by BPF_PROG_ATTACH, where the kernel has no links. Follows kernel/bpf/syscall.c (Linux 6.18).
 */
import {
  duplicateFd,
  FileDescriptor,
  progAttach,
  progDetach,
  progInfo,
  progQuery,
} from '../syscall/index.ts';
import { Attachment } from './attachment.ts';
import { assembled } from './closable.ts';
import type { Program } from './program.ts';
import type { Feature } from './without.ts';

export interface DirectPlace {
  readonly hook: string;
  readonly attachType: number;
  /** A cgroup or a map, which the attachment owns from here on; this network namespace without it. */
  readonly target?: FileDescriptor | undefined;
  readonly flags?: number | undefined;
  /** More flags for putting one program in place of another, where it does not take that place anyway. */
  readonly replaceFlags?: number | undefined;
  /** The kernel detaches what is there, whosever it is: look before. */
  readonly look?: boolean | undefined;
  readonly feature?: Feature | undefined;
}

/** Attaches a program until the result is closed, or for good when this process ends before. */
export const attachDirectly = (program: Program, place: DirectPlace): Attachment =>
  assembled((own) => {
    const { hook, attachType, target, flags = 0, replaceFlags = 0 } = place;
    if (target) own(target);
    // The kernel knows what is attached by the program, which its owner may close before.
    const attach = (next: Program, replaced?: FileDescriptor): FileDescriptor => {
      const descriptor = new FileDescriptor(duplicateFd(next.fd), `program of ${hook}`);
      try {
        progAttach({
          target: target?.fd ?? 0,
          attachType,
          progFd: descriptor.fd,
          flags: replaced ? flags | replaceFlags : flags,
          replaceProgFd: replaceFlags === 0 ? undefined : replaced?.fd,
          attempt: `attach ${hook}`,
        });
        return descriptor;
      } catch (error) {
        descriptor.close();
        throw error;
      }
    };
    let attached = attach(program);
    const isOurs = (fd: number): boolean => {
      const { id } = progInfo(fd);
      const { programs } = progQuery({ target: target?.fd ?? 0, attachType });
      return programs.some((each) => each.id === id);
    };
    return new Attachment(
      {
        hook,
        how: 'attach',
        replace: (next) => {
          const replaced = attached;
          attached = attach(next, replaced);
          replaced.close();
        },
        detach: () => {
          try {
            const { fd } = attached;
            if (!place.look || isOurs(fd))
              progDetach({ target: target?.fd ?? 0, attachType, progFd: fd });
          } finally {
            attached.close();
          }
        },
        feature: place.feature,
      },
      target ? [target] : [],
    );
  });
