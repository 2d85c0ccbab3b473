/*
 * What libbpf makes of an object file: JSON lines about the object, its maps and its programs. Each program is loaded
 * in an object of its own in which it is the only one, so that one refusal does not hide the others. Nothing is
 * attached or pinned. Compiled and run by judge.ts.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <dlfcn.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What libbpf warned of since the last reset; the end of it if it is long. */
static char warnings[1 << 14];
static size_t warned;

/* The program that is being loaded, how libbpf passed it to the kernel, and what the kernel said. */
static const struct bpf_object *watched;
static const char *watched_name;
static struct {
	union bpf_attr attr;
	struct bpf_insn *insns;
	/* The descriptors of the maps, which are closed after a refusal. */
	char maps[1 << 14];
	/* A copy of the descriptor, since libbpf may fail later, or the error, negative. */
	int result;
} passed;

static void forget_program(void)
{
	if (passed.insns && passed.result >= 0)
		close(passed.result);
	free(passed.insns);
	passed.insns = NULL;
}

static void watch(const union bpf_attr *attr, size_t size, int result)
{
	size_t length = 0, bytes = attr->insn_cnt * sizeof(struct bpf_insn);
	const struct bpf_map *map;

	if (strncmp(attr->prog_name, watched_name, sizeof(attr->prog_name) - 1))
		return;
	memset(&passed.attr, 0, sizeof(passed.attr));
	memcpy(&passed.attr, attr, size < sizeof(passed.attr) ? size : sizeof(passed.attr));
	forget_program();
	passed.result = result < 0 ? -errno : dup(result);
	passed.insns = malloc(bytes);
	memcpy(passed.insns, (void *)(unsigned long)attr->insns, bytes);
	passed.maps[0] = 0;
	bpf_object__for_each_map(map, watched) {
		if (length + strlen(bpf_map__name(map)) + 32 > sizeof(passed.maps))
			break;
		length += snprintf(passed.maps + length, sizeof(passed.maps) - length,
				   "%s{\"id\":%d,\"name\":\"%s\"}", length ? "," : "", bpf_map__fd(map),
				   bpf_map__name(map));
	}
}

/* libbpf calls this one instead of the C library's. */
long syscall(long number, ...)
{
	static long (*next)(long, ...);
	va_list args;

	if (!next)
		next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	va_start(args, number);
	long a = va_arg(args, long), b = va_arg(args, long), c = va_arg(args, long);
	long d = va_arg(args, long), e = va_arg(args, long), f = va_arg(args, long);
	va_end(args);
	long result = next(number, a, b, c, d, e, f);
	if (number == __NR_bpf && a == BPF_PROG_LOAD && watched) {
		int error = errno;

		watch((const union bpf_attr *)b, c, result);
		errno = error;
	}
	return result;
}

static int keep(enum libbpf_print_level level, const char *format, va_list args)
{
	char *text;
	int length;

	if (level != LIBBPF_WARN)
		return 0;
	length = vasprintf(&text, format, args);
	if (length < 0)
		return length;
	char *from = text;
	if ((size_t)length >= sizeof(warnings)) {
		from += length - (sizeof(warnings) - 1);
		length = sizeof(warnings) - 1;
	}
	if (warned + length >= sizeof(warnings)) {
		size_t drop = warned + length - (sizeof(warnings) - 1);

		memmove(warnings, warnings + drop, warned - drop);
		warned -= drop;
	}
	memcpy(warnings + warned, from, length);
	warned += length;
	warnings[warned] = 0;
	free(text);
	return length;
}

static void forget(void)
{
	warned = 0;
	warnings[0] = 0;
}

static void put_string(const char *name, const char *text)
{
	printf(",\"%s\":", name);
	if (!text) {
		printf("null");
		return;
	}
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else if ((unsigned char)*text < ' ')
			printf("\\u%04x", *text);
		else
			putchar(*text);
	}
	putchar('"');
}

static void put_number(const char *name, long long value)
{
	printf(",\"%s\":%lld", name, value);
}

static void put_hex(const char *name, const void *bytes, size_t size)
{
	printf(",\"%s\":\"", name);
	for (size_t i = 0; i < size; i++)
		printf("%02x", ((const unsigned char *)bytes)[i]);
	putchar('"');
}

/* Sections that came after libbpf 1.1, up to a `+`: what a newer one makes of them. */
static const struct {
	const char *section;
	int type, attach, flags;
} NEWER[] = {
	{"kprobe.session+", BPF_PROG_TYPE_KPROBE, 56},
	{"uprobe.multi+", BPF_PROG_TYPE_KPROBE, 48},
	{"uprobe.multi.s+", BPF_PROG_TYPE_KPROBE, 48, BPF_F_SLEEPABLE},
	{"uretprobe.multi+", BPF_PROG_TYPE_KPROBE, 48},
	{"uprobe.session+", BPF_PROG_TYPE_KPROBE, 57},
	{"tc/ingress", BPF_PROG_TYPE_SCHED_CLS, 46},
	{"tcx/ingress", BPF_PROG_TYPE_SCHED_CLS, 46},
	{"tc/egress", BPF_PROG_TYPE_SCHED_CLS, 47},
	{"tcx/egress", BPF_PROG_TYPE_SCHED_CLS, 47},
	{"netkit/primary", BPF_PROG_TYPE_SCHED_CLS, 54},
	{"netkit/peer", BPF_PROG_TYPE_SCHED_CLS, 55},
	{"netfilter", 32, 45},
	{"sk_skb/verdict", BPF_PROG_TYPE_SK_SKB, 38},
	{"cgroup/connect_unix", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, 49},
	{"cgroup/sendmsg_unix", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, 50},
	{"cgroup/recvmsg_unix", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, 51},
	{"cgroup/getpeername_unix", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, 52},
	{"cgroup/getsockname_unix", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, 53},
};

/* What is judged, and how. */
static const char *file, *custom_btf;
static bool sized;

static struct bpf_object *open_pristine(void)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = custom_btf);

	return bpf_object__open_file(file, &options);
}

/* What tools do with maps whose size depends on their options. */
static void give_size(struct bpf_map *map)
{
	switch (bpf_map__type(map)) {
	case BPF_MAP_TYPE_STACK_TRACE:
		if (!bpf_map__value_size(map))
			bpf_map__set_value_size(map, 16 * sizeof(__u64));
		/* fall through */
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_LRU_HASH:
		if (!bpf_map__max_entries(map))
			bpf_map__set_max_entries(map, 64);
		break;
	default:
		break;
	}
}

static void give_type(struct bpf_program *program)
{
	const char *section = bpf_program__section_name(program);

	for (size_t i = 0; i < sizeof(NEWER) / sizeof(NEWER[0]); i++) {
		const char *newer = NEWER[i].section;
		size_t length = strcspn(newer, "+");

		if (strncmp(section, newer, length) || (section[length] && !newer[length]))
			continue;
		if (section[length] && section[length] != '/')
			continue;
		bpf_program__set_type(program, NEWER[i].type);
		bpf_program__set_expected_attach_type(program, NEWER[i].attach);
		bpf_program__set_flags(program, NEWER[i].flags);
	}
}

/* An object to load: nothing of it is to be pinned. */
static struct bpf_object *open_object(void)
{
	struct bpf_object *object = open_pristine();
	struct bpf_program *program;
	struct bpf_map *map;

	if (!object)
		return NULL;
	bpf_object__for_each_map(map, object) {
		bpf_map__set_pin_path(map, NULL);
		if (sized)
			give_size(map);
	}
	bpf_object__for_each_program(program, object)
		if (bpf_program__type(program) == BPF_PROG_TYPE_UNSPEC)
			give_type(program);
	return object;
}

/* The name of a type after its modifiers, with what it is if it has none. */
static const char *type_name(const struct bpf_object *object, __u32 id)
{
	const struct btf *btf = bpf_object__btf(object);
	const struct btf_type *type = btf ? btf__type_by_id(btf, id) : NULL;
	const char *name;

	if (!id || !type)
		return NULL;
	name = btf__name_by_offset(btf, type->name_off);
	return name && *name ? name : "(anon)";
}

/* Of an array of one element: the bytes that the kernel was given. */
static void put_contents(const struct bpf_map *map)
{
	size_t size = bpf_map__value_size(map);
	char *value = calloc(1, size);
	__u32 zero = 0;

	if (value && bpf_map_lookup_elem(bpf_map__fd(map), &zero, value) == 0)
		put_hex("contents", value, size);
	free(value);
}

static void put_definition(const struct bpf_map *map)
{
	put_number("type", bpf_map__type(map));
	put_number("keySize", bpf_map__key_size(map));
	put_number("valueSize", bpf_map__value_size(map));
	put_number("maxEntries", bpf_map__max_entries(map));
	put_number("flags", bpf_map__map_flags(map));
	put_number("numaNode", bpf_map__numa_node(map));
	put_number("extra", bpf_map__map_extra(map));
}

/* The map as the object defines it. `pin` is from an object whose paths are untouched. */
static void put_map(const struct bpf_object *object, const struct bpf_map *map, const char *pin)
{
	const struct bpf_map *inner = bpf_map__inner_map((struct bpf_map *)map);
	const void *initial;
	size_t size;

	printf("{\"kind\":\"map\"");
	put_string("name", bpf_map__name(map));
	put_definition(map);
	put_string("keyType", type_name(object, bpf_map__btf_key_type_id(map)));
	put_string("valueType", type_name(object, bpf_map__btf_value_type_id(map)));
	put_string("pin", pin);
	printf(",\"internal\":%s", bpf_map__is_internal(map) ? "true" : "false");
	initial = bpf_map__initial_value((struct bpf_map *)map, &size);
	if (initial)
		put_hex("initial", initial, size);
	if (inner) {
		printf(",\"inner\":{\"kind\":\"inner\"");
		put_definition(inner);
		printf("}");
	}
}

/* The map as the kernel made it. */
static void put_created(const struct bpf_map *map)
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);

	if (bpf_map__fd(map) < 0 || bpf_obj_get_info_by_fd(bpf_map__fd(map), &info, &size))
		return;
	printf(",\"kernel\":{\"kind\":\"kernel\"");
	put_string("name", info.name);
	put_number("type", info.type);
	put_number("keySize", info.key_size);
	put_number("valueSize", info.value_size);
	put_number("maxEntries", info.max_entries);
	put_number("flags", info.map_flags);
	put_number("keyTypeId", info.btf_key_type_id);
	put_number("valueTypeId", info.btf_value_type_id);
	printf("}");
	if (bpf_map__is_internal(map) && info.type == BPF_MAP_TYPE_ARRAY)
		put_contents(map);
	/* The slots that the object fills: as whether they are. */
	if (info.type == BPF_MAP_TYPE_ARRAY_OF_MAPS || info.type == BPF_MAP_TYPE_PROG_ARRAY) {
		printf(",\"filled\":[");
		for (__u32 slot = 0, first = 1, id; slot < info.max_entries && slot < 64; slot++)
			if (bpf_map_lookup_elem(bpf_map__fd(map), &slot, &id) == 0) {
				printf(first ? "%u" : ",%u", slot);
				first = 0;
			}
		printf("]");
	}
}

/* The names that the kernel has for the maps of a program, by their ids. */
static void put_used_maps(const __u32 *ids, __u32 count)
{
	printf(",\"maps\":[");
	for (__u32 i = 0; i < count; i++) {
		struct bpf_map_info info = {};
		__u32 size = sizeof(info);
		int fd = bpf_map_get_fd_by_id(ids[i]);

		bpf_obj_get_info_by_fd(fd, &info, &size);
		close(fd);
		printf("%s{\"id\":%u", i ? "," : "", ids[i]);
		put_string("name", info.name);
		printf("}");
	}
	printf("]");
}

static void put_passed(void)
{
	const union bpf_attr *attr = &passed.attr;

	printf(",\"passed\":{\"kind\":\"passed\"");
	put_number("type", attr->prog_type);
	put_number("attach", attr->expected_attach_type);
	put_number("attachTypeId", attr->attach_btf_id);
	put_number("flags", attr->prog_flags);
	put_number("functions", attr->func_info_cnt);
	put_number("lines", attr->line_info_cnt);
	printf(",\"maps\":[%s]", passed.maps);
	put_hex("insns", passed.insns, attr->insn_cnt * sizeof(struct bpf_insn));
	printf("}");
}

static void put_loaded(int fd)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info), maps[64];
	void *xlated;

	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return;
	__u32 bytes = info.xlated_prog_len, functions = info.nr_func_info, lines = info.nr_line_info;

	put_number("kernelType", info.type);
	put_number("functions", functions);
	put_number("lines", lines);
	xlated = malloc(bytes);
	memset(&info, 0, sizeof(info));
	info.xlated_prog_len = bytes;
	info.xlated_prog_insns = (unsigned long)xlated;
	info.nr_map_ids = sizeof(maps) / sizeof(maps[0]);
	info.map_ids = (unsigned long)maps;
	if (xlated && bpf_obj_get_info_by_fd(fd, &info, &size) == 0) {
		put_string("kernelName", info.name);
		put_used_maps(maps, info.nr_map_ids);
		put_hex("xlated", xlated, bytes);
	}
	free(xlated);
}

/* Loads the object with at most one program, or with all that want to be loaded. */
static int load(struct bpf_object *object, const char *only)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, object)
		bpf_program__set_autoload(program, !strcmp(bpf_program__name(program), only));
	forget();
	return bpf_object__load(object);
}

/*
 * The maps are made without any program if that is possible: an array of programs that fills itself needs them. How
 * the whole object fares is what `bpftool prog loadall` would say.
 */
static void judge_object(void)
{
	struct bpf_object *pristine = open_pristine(), *bare = open_object(), *whole = open_object();
	struct bpf_object *made;
	struct bpf_map *map, *twin = NULL;
	int error, error_whole;

	error_whole = bpf_object__load(whole);
	error = load(bare, "");
	made = error ? whole : bare;
	printf("{\"kind\":\"object\"");
	put_string("name", bpf_object__name(pristine));
	put_string("stage", error && error_whole ? "load" : "done");
	put_number("error", error_whole ? -error : 0);
	put_number("whole", -error_whole);
	put_string("log", warnings);
	printf("}\n");
	/* As defined first: loading adjusts some sizes. */
	bpf_object__for_each_map(map, pristine) {
		twin = bpf_object__next_map(made, twin);
		put_map(pristine, map, bpf_map__pin_path(map));
		if (!error || !error_whole)
			put_created(twin);
		printf("}\n");
	}
	bpf_object__close(bare);
	bpf_object__close(whole);
	bpf_object__close(pristine);
}

static void judge_program(const struct bpf_program *pristine)
{
	const char *name = bpf_program__name(pristine);
	struct bpf_object *object = open_object();
	const struct bpf_program *program = bpf_object__find_program_by_name(object, name);
	const char *verdict;
	int error;

	watched_name = name;
	watched = object;
	forget_program();
	error = load(object, name);
	watched = NULL;
	/* What never reached the kernel is libbpf's own refusal. */
	if (bpf_program__type(program) == BPF_PROG_TYPE_UNSPEC)
		verdict = "unknown";
	else if (!passed.insns)
		verdict = "failed";
	else
		verdict = passed.result < 0 ? "refused" : "accepted";
	if (passed.insns)
		error = passed.result < 0 ? passed.result : 0;
	printf("{\"kind\":\"program\"");
	put_string("name", name);
	put_string("section", bpf_program__section_name(pristine));
	printf(",\"known\":%s", bpf_program__type(pristine) != BPF_PROG_TYPE_UNSPEC ? "true" : "false");
	put_number("type", bpf_program__type(program));
	put_number("attach", bpf_program__expected_attach_type(program));
	put_number("flags", bpf_program__flags(program));
	printf(",\"autoload\":%s", bpf_program__autoload(pristine) ? "true" : "false");
	put_number("given", bpf_program__insn_cnt(pristine));
	put_string("verdict", verdict);
	put_number("error", -error);
	put_string("log", warnings);
	if (passed.insns)
		put_passed();
	if (passed.insns && passed.result >= 0)
		put_loaded(passed.result);
	printf("}\n");
	bpf_object__close(object);
}

/*
 * judge [-b BTF] [-s] OBJECT
 * -b: the types of another kernel, for CO-RE; -s: maps without entries are given some, as tools do before they load.
 */
int main(int argc, char **argv)
{
	struct bpf_object *object;
	struct bpf_program *program;
	int option;

	while ((option = getopt(argc, argv, "b:s")) != -1) {
		if (option == 'b')
			custom_btf = optarg;
		else if (option == 's')
			sized = true;
		else
			return 2;
	}
	file = argv[optind];
	libbpf_set_print(keep);
	object = open_pristine();
	if (!object) {
		printf("{\"kind\":\"object\",\"name\":null,\"stage\":\"open\"");
		put_number("error", errno);
		put_number("whole", errno);
		put_string("log", warnings);
		printf("}\n");
		return 0;
	}
	judge_object();
	bpf_object__for_each_program(program, object)
		judge_program(program);
	bpf_object__close(object);
	return 0;
}
