import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readObject } from '../../src/elf/index.ts';
import { loadObject } from '../../src/kernel/index.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { thrown } from './object-support.ts';

const NET = fileURLToPath(new URL('../objects/sections-net.o', import.meta.url));

describe.skipIf(noBpf)(kernel('attach()'), () => {
  it.each([
    [
      'lwt_in_route',
      /^lwt_in_route: lwt_in does not say where to attach it: attach\(\{ route: '10\.1\.0\.0\/16', interface: 'eth0' \}\)/,
    ],
    [
      'tc_action',
      /^tc_action: action programs are not attached by attach\(\): they are actions of filters/,
    ],
    [
      'tc_short',
      /^tc_short: tc does not say where to attach it: attach\(\{ interface: 'eth0', direction: 'ingress' \}\)/,
    ],
    [
      'lookup',
      /^lookup: sk_lookup does not say where to attach it: attach\(\{ netns: '\/proc\/self\/ns\/net' \}\)/,
    ],
    [
      'filter',
      /^filter: netfilter does not say where to attach it: attach\(\{ netfilter: \{ hook: 'input'/,
    ],
    [
      'socket_filter',
      /^socket_filter: socket does not say where to attach it: attach\(\{ socket: FD \}\)/,
    ],
  ])('says what %s is to be attached with', (name, message) => {
    using loaded = loadObject(readObject(readFileSync(NET)), { programs: [name] });
    expect(thrown(() => loaded.attach()).message).toMatch(message);
  });
});
