#!/bin/sh
# Compiles the mistakes in C. It needs clang-19, llvm-strip-19 and libbpf-dev; the tests need only the object.
set -eu
cd "$(dirname "$0")"
clang-19 -target bpf -mcpu=v3 -g -O2 -Wall -Werror -ffile-prefix-map="$PWD"=. \
	-idirafter "/usr/include/$(uname -m)-linux-gnu" -c mistakes.c -o mistakes.o
llvm-strip-19 -g mistakes.o
