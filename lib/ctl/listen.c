/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The socket file: made with its final mode, in place of one that a crash left behind, and never in
 * place of one that somebody listens on.
 */
#include "ctl/listen.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_MODE 0660
#define BACKLOG 16

static int fail(char *err, size_t err_len, const char *path, int error, const char *hint)
{
	snprintf(err, err_len, "%s: %s%s%s", path, strerror(error), hint[0] != '\0' ? "; " : "", hint);
	return -error;
}

/* Removes a stale socket file. 0, or -errno with the text. */
static int remove_stale(const struct sockaddr_un *sun, char *err, size_t err_len)
{
	struct stat st;
	int fd, error;

	if (lstat(sun->sun_path, &st) < 0)
		return errno == ENOENT ? 0
			: fail(err, err_len, sun->sun_path, errno, "system.socket cannot be made there");
	if (!S_ISSOCK(st.st_mode))
		return fail(err, err_len, sun->sun_path, EEXIST,
			"it is not a socket, so it stays: choose another system.socket");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(err, err_len, sun->sun_path, errno, "");
	error = connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == 0 ? 0 : errno;
	close(fd);
	/* EAGAIN: its queue is full, so somebody has it open. */
	if (error != ECONNREFUSED)
		return fail(err, err_len, sun->sun_path, EADDRINUSE,
			"another nvad answers there: stop it, or choose another system.socket");
	if (unlink(sun->sun_path) < 0 && errno != ENOENT)
		return fail(err, err_len, sun->sun_path, errno, "");
	return 0;
}

static int find_group(struct ctl_listen *l, const char *name, char *err, size_t err_len)
{
	struct group *g;

	if (name[0] == '\0')
		return 0;
	errno = 0;
	g = getgrnam(name);
	if (g == NULL) {
		snprintf(err, err_len, "system.socket_group: no group '%s'; groupadd %s, or name another",
			name, name);
		return errno != 0 ? -errno : -ENOENT;
	}
	l->has_group = true;
	l->group = g->gr_gid;
	return 0;
}

int ctl_listen_open(struct ctl_listen *l, const char *path, const char *group, char *err,
	size_t err_len)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct stat st;
	int ret;

	*l = (struct ctl_listen){.fd = -1};
	if (strlen(path) >= sizeof(sun.sun_path))
		return fail(err, err_len, path, ENAMETOOLONG, "");
	strcpy(sun.sun_path, path);
	strcpy(l->path, path);
	ret = find_group(l, group, err, err_len);
	if (ret == 0)
		ret = remove_stale(&sun, err, err_len);
	if (ret < 0)
		return ret;
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return fail(err, err_len, l->path, errno, "");
	/* The file begins with the socket's own mode: nobody gets in before the group is set. */
	if (fchmod(l->fd, 0600) < 0 || bind(l->fd, (struct sockaddr *)&sun, sizeof(sun)) < 0) {
		ret = fail(err, err_len, l->path, errno, "does its directory exist, and may nvad write there?");
		goto close;
	}
	if (lstat(path, &st) < 0 || (l->has_group && lchown(path, (uid_t)-1, l->group) < 0) ||
		chmod(path, SOCKET_MODE) < 0 || listen(l->fd, BACKLOG) < 0) {
		ret = fail(err, err_len, l->path, errno, "");
		unlink(path);
		goto close;
	}
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	return 0;
close:
	close(l->fd);
	l->fd = -1;
	return ret;
}

void ctl_listen_remove(struct ctl_listen *l)
{
	struct stat st;

	if (lstat(l->path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino)
		unlink(l->path);
}

/* By SO_PEERGROUPS, what the process had at connect(): looking up names could block. */
static bool in_group(int fd, gid_t group)
{
	gid_t groups[256], *list = groups;
	socklen_t len = sizeof(groups);
	bool found = false;
	int ret = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, list, &len);

	if (ret < 0 && errno == ERANGE) {
		list = malloc(len);
		if (list == NULL)
			return false;
		ret = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, list, &len);
	}
	for (size_t i = 0; ret == 0 && i < len / sizeof(gid_t); i++)
		found = found || list[i] == group;
	if (list != groups)
		free(list);
	return found;
}

bool ctl_listen_allows(const struct ctl_listen *l, int client_fd, uid_t *ret_uid)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(client_fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return false;
	*ret_uid = cred.uid;
	if (cred.uid == 0 || cred.uid == geteuid())
		return true;
	return l->has_group && (cred.gid == l->group || in_group(client_fd, l->group));
}
