/* SPDX-License-Identifier: BSD-3-Clause */
/* The socket file and who may use it. */
#ifndef CTL_LISTEN_H
#define CTL_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct ctl_listen {
	int fd;
	char path[108];
	dev_t dev; /* of the socket file, so that only our own is removed */
	ino_t ino;
	bool has_group;
	gid_t group;
};

/* 0, or -errno with a text for the operator. group "": none. */
int ctl_listen_open(struct ctl_listen *l, const char *path, const char *group, char *err,
	size_t err_len);
/* Removes the file where it is still ours; does not close fd. */
void ctl_listen_remove(struct ctl_listen *l);
/* Whether the process at the other end may ask: root, our own user, or the group; and who it is. */
bool ctl_listen_allows(const struct ctl_listen *l, int client_fd, uid_t *ret_uid);

#endif
