/* SPDX-License-Identifier: BSD-3-Clause */
/* One question to nvad's socket and the lines of its answer (docs/nvactl.md). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "nvactl.h"

#define TIMEOUT_S 30

static int fail(char *err, size_t err_len, const char *socket_path, const char *hint)
{
	snprintf(err, err_len, "cannot talk to nvad at %s: %s%s", socket_path, strerror(errno), hint);
	return -1;
}

static int open_socket(const char *path, char *err, size_t err_len)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct timeval tv = {.tv_sec = TIMEOUT_S};
	const char *hint;
	int fd;

	if (strlen(path) >= sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return fail(err, err_len, path, "");
	}
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail(err, err_len, path, "");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	switch (errno) {
	case ENOENT:
		hint = "\n  is nvad running? its socket is system.socket in its configuration: "
		       "try --socket PATH";
		break;
	case ECONNREFUSED:
		hint = "\n  nvad has stopped without removing it: start nvad";
		break;
	case EACCES:
	case EPERM:
		hint = "\n  become root, or join the group of system.socket_group";
		break;
	default:
		hint = "";
	}
	fail(err, err_len, path, hint);
	close(fd);
	return -1;
}

static int send_words(int fd, const char *const *words, unsigned int n_words)
{
	json_t *list = json_array();
	size_t len, done = 0;
	json_t *request;
	char *text;

	for (unsigned int i = 0; i < n_words; i++) {
		json_t *w = json_string(words[i]);

		/* A word that is not UTF-8 is no word of ours; let nvad say so. */
		json_array_append_new(list, w != NULL ? w : json_string("\xef\xbf\xbd"));
	}
	request = json_pack("{s:o}", "words", list);
	text = json_dumps(request, JSON_COMPACT);
	json_decref(request);
	if (text == NULL) {
		errno = ENOMEM;
		return -1;
	}
	len = strlen(text);
	text[len++] = '\n'; /* over the NUL */
	while (done < len) {
		ssize_t n = send(fd, text + done, len - done, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			/* It may have said why before it hung up: read that. */
			free(text);
			return errno == EPIPE || errno == ECONNRESET ? 0 : -1;
		}
		done += (size_t)n;
	}
	free(text);
	return 0;
}

int client_ask(const char *socket_path, const char *const *words, unsigned int n_words,
	client_slice_fn fn, void *arg, char *err, size_t err_len)
{
	int fd = open_socket(socket_path, err, err_len), ret = -1;
	char *line = NULL;
	size_t cap = 0;
	FILE *f;

	if (fd < 0)
		return -1;
	f = fdopen(fd, "r");
	if (f == NULL || send_words(fd, words, n_words) < 0) {
		fail(err, err_len, socket_path, "");
		if (f == NULL)
			close(fd);
		goto out;
	}
	for (;;) {
		json_t *reply;
		bool more;
		ssize_t len;

		errno = 0;
		len = getline(&line, &cap, f);
		if (len <= 0) {
			if (errno == 0)
				snprintf(err, err_len, "nvad at %s hung up before its answer was whole",
					socket_path);
			else
				fail(err, err_len, socket_path, errno == EAGAIN
					? "\n  it did not answer in 30 s: is it stopped or overloaded?" : "");
			break;
		}
		reply = json_loadb(line, (size_t)len, 0, NULL);
		if (reply == NULL || json_integer_value(json_object_get(reply, "schema")) != 1) {
			json_decref(reply);
			snprintf(err, err_len, "what answers at %s does not speak nvad's protocol, "
				"version 1", socket_path);
			break;
		}
		more = json_is_true(json_object_get(reply, "more"));
		more = fn(arg, reply, more) && more;
		json_decref(reply);
		if (!more) {
			ret = 0;
			break;
		}
	}
out:
	free(line);
	if (f != NULL)
		fclose(f);
	return ret;
}
