/* A kernel whose flavours of one struct disagree. Compiled by make.ts. */
struct sample { int first; };
struct sample___other { long before; int first; };
struct sample s; struct sample___other o;
