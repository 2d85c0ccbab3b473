#!/bin/sh
# Makes vmlinux.btf: the types of a real kernel that some objects of the corpus need. It needs bpftool and a kernel with
# BTF; the tests need only the file.
set -eu
cd "$(dirname "$0")"
bpftool gen min_core_btf /sys/kernel/btf/vmlinux vmlinux.btf \
	../../objects/core-fields.o ../../objects/core-types.o ../../objects/sections-tracing.o
