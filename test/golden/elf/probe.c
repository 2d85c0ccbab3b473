/* An executable with a USDT probe, the way <sys/sdt.h> writes it. */
__attribute__((section(".probes"), used)) unsigned short semaphore;
void _start(void) {
  asm volatile(
      "1: nop\n"
      ".pushsection .note.stapsdt, \"\", \"note\"\n"
      ".balign 4\n"
      ".4byte 3f - 2f, 5f - 4f, 3\n"
      "2: .asciz \"stapsdt\"\n"
      "3: .balign 4\n"
      "4: .8byte 1b, 0, semaphore\n"
      ".asciz \"app\"\n"
      ".asciz \"start\"\n"
      ".asciz \"8@%rdi\"\n"
      "5: .balign 4\n"
      ".popsection");
  for (;;)
    ;
}
