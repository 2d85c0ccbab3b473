import { test } from 'vitest';
import type { Link, Program } from '../../src/kernel/index.ts';

declare const program: Program;
declare const link: Link;

test('places are typed by the kind of hook', () => {
  program.attach({ interface: 'lo', mode: 'generic' });
  program.attach({ interface: 1, direction: 'ingress', through: 'clsact', priority: 5 });
  program.attach({ interface: 'lo', before: link });
  program.attach({ interface: 'lo', after: 'all', revision: 3n });
  program.attach({ cgroup: '/sys/fs/cgroup', sharing: 'override' });
  program.attach({ netns: '/proc/self/ns/net' });
  program.attach({ netfilter: { hook: 'input', priority: 0 } });
  program.attach({ socket: 3, reuseport: true });
  program.attach({ map: { fd: 3 } });
});

test('what no hook takes does not compile', () => {
  // @ts-expect-error there is no such mode
  program.attach({ interface: 'lo', mode: 'native' });
  // @ts-expect-error a mode belongs to an interface
  program.attach({ mode: 'generic' });
  // @ts-expect-error a hook of netfilter has a priority
  program.attach({ netfilter: { hook: 'input' } });
  // @ts-expect-error there is no such hook
  program.attach({ netfilter: { hook: 'in', priority: 0 } });
  // @ts-expect-error a socket is a descriptor
  program.attach({ socket: 'lo' });
  // @ts-expect-error before what?
  program.attach({ interface: 'lo', before: 17 });
});
