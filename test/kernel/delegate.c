/*
 * Runs a command in a user namespace of its own that has a BPF file system which delegates everything:
 * `delegate DIRECTORY COMMAND...` mounts it at DIRECTORY, in a mount namespace of its own. The file system belongs to the
 * child's namespace because the child opens it; its options are set by the parent, who has the rights to delegate.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SET_STRING 1
#define CREATE 6
#define EMPTY_PATH 4

static void check(int result, const char *what)
{
	if (result >= 0)
		return;
	fprintf(stderr, "delegate: %s: %s\n", what, strerror(errno));
	exit(99);
}

static void send_descriptor(int socket, int fd)
{
	char room[CMSG_SPACE(sizeof(int))] = {0}, byte = 0;
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(int));
	check(sendmsg(socket, &message, 0), "sendmsg");
}

static int receive_descriptor(int socket)
{
	char room[CMSG_SPACE(sizeof(int))], byte;
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
	int fd;

	check(recvmsg(socket, &message, 0) == 1 ? 0 : -1, "recvmsg");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	return fd;
}

static void write_file(pid_t pid, const char *name, const char *text)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	check(fd = open(path, O_WRONLY), path);
	check(write(fd, text, strlen(text)), path);
	close(fd);
}

static int child(int socket, char **arguments)
{
	int files, mounted;
	char byte = 0;

	check(unshare(CLONE_NEWUSER | CLONE_NEWNS), "unshare");
	check(write(socket, &byte, 1), "write");
	check(read(socket, &byte, 1) == 1 ? 0 : -1, "read");
	check(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "mount /");
	check(files = syscall(SYS_fsopen, "bpf", 0), "fsopen");
	send_descriptor(socket, files);
	check(read(socket, &byte, 1) == 1 ? 0 : -1, "read");
	check(mounted = syscall(SYS_fsmount, files, 0, 0), "fsmount");
	check(syscall(SYS_move_mount, mounted, "", AT_FDCWD, arguments[1], EMPTY_PATH), "move_mount");
	close(files);
	close(mounted);
	close(socket);
	execvp(arguments[2], arguments + 2);
	check(-1, arguments[2]);
	return 99;
}

int main(int count, char **arguments)
{
	static const char *const options[] = {"delegate_cmds", "delegate_maps", "delegate_progs", "delegate_attachs"};
	int sockets[2], files, status;
	char byte = 0;
	pid_t pid;

	check(count > 2 ? 0 : -1, "usage: delegate DIRECTORY COMMAND...");
	check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), "socketpair");
	check(pid = fork(), "fork");
	if (pid == 0) {
		close(sockets[0]);
		return child(sockets[1], arguments);
	}
	close(sockets[1]);
	check(read(sockets[0], &byte, 1) == 1 ? 0 : -1, "read");
	write_file(pid, "setgroups", "deny");
	write_file(pid, "uid_map", "0 0 1");
	write_file(pid, "gid_map", "0 0 1");
	check(write(sockets[0], &byte, 1), "write");
	files = receive_descriptor(sockets[0]);
	for (int i = 0; i < 4; i++)
		check(syscall(SYS_fsconfig, files, SET_STRING, options[i], "any", 0), options[i]);
	check(syscall(SYS_fsconfig, files, CREATE, NULL, NULL, 0), "fsconfig");
	check(write(sockets[0], &byte, 1), "write");
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}
