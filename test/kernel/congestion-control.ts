/**
 * A congestion control of TCP: what the kernel's Reno does, and a count of what was acknowledged. Linux 5.6; before the
 * kernel lends its own functions (5.13) the window stays as it is but for losses, which halve it.
 */
import {
  atomicAdd,
  call,
  chars,
  either,
  exit,
  globals,
  hookArguments,
  jgt,
  kernelStruct,
  kfunc,
  kfuncExists,
  label,
  lea,
  load,
  mov,
  object,
  pointer,
  r0,
  r1,
  r2,
  r3,
  r6,
  rsh,
  struct,
  structOp,
  structOps,
  u32,
  u64,
  w0,
  w2,
  w3,
} from '../../src/index.ts';

const Sock = kernelStruct('sock', { sk_state: u32 });
/** The kernel knows that a `struct sock` of these functions is one of TCP. */
const TcpSock = kernelStruct('tcp_sock', { snd_cwnd: u32 });
const Args = hookArguments({ sk: pointer(TcpSock), ack: u32, acked: u32 });

const Ops = struct('tcp_congestion_ops', {
  ssthresh: pointer(),
  cong_avoid: pointer(),
  undo_cwnd: pointer(),
  name: chars(16),
});

const renoThreshold = kfunc('tcp_reno_ssthresh', [pointer(Sock)], { returns: u32 });
const renoAvoid = kfunc('tcp_reno_cong_avoid', [pointer(Sock), u32, u32]);

/** What the connections with this control have got through: segments. */
export const Acknowledged = struct('acknowledged', { segments: u64.number });

/** `link` for kernels from 6.4 on: it goes with the process. */
export const congestionControl = (name: string, link: boolean) => {
  const acknowledged = globals(Acknowledged);
  const enough = label('enough');
  return object({
    license: 'GPL',
    maps: {
      acknowledged,
      control: structOps(
        Ops,
        { name, ssthresh: 'onLoss', cong_avoid: 'onAck', undo_cwnd: 'onUndo' },
        { link },
      ),
    },
    programs: {
      onLoss: structOp('ssthresh', [
        load(r1, Args.at(r1).sk),
        either(kfuncExists(renoThreshold), call(renoThreshold, r1), [
          load(w0, TcpSock.at(r1).snd_cwnd),
          rsh(w0, 1),
          jgt(w0, 2, enough),
          mov(w0, 2),
          enough,
        ]),
        exit(),
      ]),
      onAck: structOp('cong_avoid', [
        mov(r6, r1),
        load(w3, Args.at(r6).acked),
        lea(r1, acknowledged),
        atomicAdd(Acknowledged.at(r1).segments, r3),
        either(kfuncExists(renoAvoid), [
          load(r1, Args.at(r6).sk),
          load(w2, Args.at(r6).ack),
          call(renoAvoid, r1, r2, r3),
        ]),
        mov(r0, 0),
        exit(),
      ]),
      onUndo: structOp('undo_cwnd', [
        load(r1, Args.at(r1).sk),
        load(w0, TcpSock.at(r1).snd_cwnd),
        exit(),
      ]),
    },
  });
};
