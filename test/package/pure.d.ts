/**
 * What the pure rooms may look for on Node, and must do without elsewhere. For tsconfig.pure.json only, which knows
 * nothing else of Node.
 */
interface MaybeBuffer {
  readonly prototype: object;
  from(
    buffer: ArrayBufferLike,
    offset: number,
    length: number,
  ): Uint8Array & { indexOf(value: Uint8Array | string, from?: number, encoding?: string): number };
}
declare var Buffer: MaybeBuffer | undefined;
