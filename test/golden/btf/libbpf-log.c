/* Prints what libbpf does with the relocations of argv[1] for the types of argv[2]. Compiled and run by make.ts. */
#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>

static int print(enum libbpf_print_level level, const char *format, va_list args)
{
	return vprintf(format, args);
}

int main(int argc, char **argv)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = argv[2]);
	struct bpf_object *object;

	libbpf_set_print(print);
	object = bpf_object__open_file(argv[1], &options);
	return object ? bpf_object__load(object) != 0 : 2;
}
