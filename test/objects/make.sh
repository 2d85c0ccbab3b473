#!/bin/sh
# Compiles the corpus: every source of src/ to the object of the same name beside this script, and some of them again
# with other flags. It needs clang-19, llvm-strip-19, bpftool, libbpf-dev, and a kernel with BTF, whose types the
# sources include; the tests need only the objects. DWARF is dropped, BTF stays. `make.sh NAME...` makes only these.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
types=$(mktemp -d)
trap 'rm -r "$types"' EXIT
bpftool btf dump file /sys/kernel/btf/vmlinux format c >"$types/vmlinux.h"
cd "$here/src"

# compile OBJECT SOURCE FLAGS...
compile() {
	object=$1 source=$2
	shift 2
	clang-19 -target bpf -mcpu=v3 -g -O2 -Wall -Werror -D__TARGET_ARCH_x86 -I"$types" \
		-idirafter "/usr/include/$(uname -m)-linux-gnu" \
		-ffile-prefix-map="$here/src"=. -ffile-prefix-map="$types"=. -ffile-prefix-map=/usr/include=. \
		"$@" -c "$source.c" -o "$here/$object.o"
	llvm-strip-19 -g "$here/$object.o"
}

# The builds of one source. Flags of its own are in its first line: `clang: FLAGS`.
build() {
	flags=$(sed -n '1s,^/\* clang: \(.*\) \*/$,\1,p' "$1.c")
	case $1 in
	isa)
		for version in 1 2 3 4; do compile "isa-v$version" isa -mcpu=v$version; done
		compile isa-big-endian isa -target bpfeb
		compile isa-without-types isa -g0
		;;
	maps-wrong)
		for mistake in 1 2 3 4 5 6 7 8; do compile "maps-wrong-$mistake" maps-wrong -DMISTAKE=$mistake; done
		;;
	link-*)
		for file in 1 2; do compile "$1-$file" "$1" -DFILE=$file; done
		;;
	linked-two)
		compile linked-two linked-two
		compile linked-one linked-one
		bpftool gen object "$here/linked.o" "$here/linked-one.o" "$here/linked-two.o"
		;;
	*) compile "$1" "$1" $flags ;;
	esac
}

[ $# -gt 0 ] || set -- $(ls ./*.c | sed 's,^\./,,; s,\.c$,,')
for name; do
	build "$name"
done
