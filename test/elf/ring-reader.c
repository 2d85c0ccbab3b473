/*
 * What a C program makes of a written object: loads it, attaches what is loaded by itself, and prints the records of
 * the ring buffer `events` in hex, until it is told to stop by the end of its input. Arguments: the file.
 */
#include <bpf/libbpf.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

static int print(void *context, void *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		printf("%02x", ((unsigned char *)data)[i]);
	puts("");
	fflush(stdout);
	return 0;
}

int main(int count, char **arguments)
{
	struct pollfd input = {.fd = 0, .events = POLLIN};
	struct bpf_object *object = bpf_object__open_file(arguments[1], NULL);
	struct bpf_program *program;
	struct ring_buffer *ring;

	if (!object || bpf_object__load(object))
		return 1;
	bpf_object__for_each_program(program, object)
		if (bpf_program__autoload(program) && !bpf_program__attach(program))
			return 2;
	ring = ring_buffer__new(bpf_object__find_map_fd_by_name(object, "events"), print, NULL, NULL);
	if (!ring)
		return 3;
	puts("attached");
	fflush(stdout);
	while (poll(&input, 1, 0) == 0)
		ring_buffer__poll(ring, 50);
	ring_buffer__consume(ring);
	bpf_object__close(object);
	return 0;
}
