#!/bin/sh
# Compiles the objects that the tests of `beespoke run` run. It needs clang-19, llvm-strip-19 and libbpf-dev; the tests
# need only the objects.
set -eu
cd "$(dirname "$0")"
for source in *.c; do
	object=${source%.c}.o
	clang-19 -target bpf -mcpu=v3 -g -O2 -Wall -Werror -ffile-prefix-map="$PWD"=. \
		-idirafter "/usr/include/$(uname -m)-linux-gnu" -c "$source" -o "$object"
	llvm-strip-19 -g "$object"
done
