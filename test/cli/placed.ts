/** What run-places.test.ts runs: a program for each kind of place, which reports that it ran. */
import {
  type Code,
  call,
  cgroup,
  cgroupSkb,
  exit,
  helper,
  KiB,
  label,
  mov,
  netfilter,
  object,
  perfEvent,
  r0,
  r7,
  reserve,
  ringbuf,
  skLookup,
  store,
  struct,
  tc,
  u32,
  uprobe,
  xdp,
} from '../../src/index.ts';

const Ran = struct('ran', { program: u32 });
const events = ringbuf(Ran, { maxEntries: 256 * KiB });

/** Reports its number, and ends with this result. */
const reports = (number: number, result: number): Code => {
  const out = label('out');
  return [
    reserve(r7, events, out),
    store(Ran.at(r7).program, number),
    call(helper.ringbuf_submit, r7, 0),
    out,
    mov(r0, result),
    exit(),
  ];
};

export default object({
  license: 'GPL',
  maps: { events },
  programs: {
    received: xdp(reports(1, 2)),
    classified: tc(reports(2, 0)),
    sent: cgroupSkb('egress', reports(3, 1)),
    bound: cgroup('bind4', reports(4, 1)),
    lookedUp: skLookup(reports(5, 1)),
    filtered: netfilter(reports(6, 1)),
    sampled: perfEvent(reports(7, 0)),
    called: uprobe('', reports(8, 0)),
  },
});
