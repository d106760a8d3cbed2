/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configuration's front door: file to text to tree to struct config. The sections are read in the
 * order ports, underlay, routes, bgp, flows, nat, whatever their order in the file, so that each can be checked
 * against what it rests on. docs/configuration.md describes every key.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load_priv.h"

static const char *const poll_names[] = {"adaptive", "busy", NULL};
static const char *const huge_names[] = {"auto", "yes", "no", NULL};

#define FIELD(f) offsetof(struct config_system, f)
static const struct key system_keys[] = {
	{"workers", KEY_U32, .offset = FIELD(workers), .min = 1, .max = 64},
	{"poll", KEY_ENUM, .offset = FIELD(poll), .names = poll_names},
	{"huge_pages", KEY_ENUM, .offset = FIELD(huge_pages), .names = huge_names},
	{"memory_mb", KEY_U32, .offset = FIELD(memory_mb), .min = 64, .max = 1u << 20},
	{"packet_buffers", KEY_U32, .offset = FIELD(packet_buffers), .min = 1024, .max = 1u << 22},
	{"socket", KEY_PATH, .offset = FIELD(socket),
		.max = sizeof(((struct config_system *)0)->socket)},
	{"socket_group", KEY_NAME, .offset = FIELD(socket_group),
		.max = sizeof(((struct config_system *)0)->socket_group)},
	{"max_v4_groups", KEY_U32, .offset = FIELD(max_v4_groups), .min = 256, .max = 1u << 22},
};
#undef FIELD

static_assert(sizeof(enum config_poll) == sizeof(unsigned int), "KEY_ENUM stores an unsigned int");

static int load_system(struct loader *l, const struct yaml_node *node, void *object)
{
	struct config *c = object;

	return load_mapping(l, node, system_keys, RTE_DIM(system_keys), &c->system);
}

static const struct key top_keys[] = {
	{"system", KEY_CUSTOM, .load = load_system},
	{"ports", KEY_CUSTOM, .required = true, .load = load_ports},
	{"underlay", KEY_CUSTOM, .load = load_underlay},
	{"routes", KEY_CUSTOM, .load = load_routes},
	{"bgp", KEY_CUSTOM, .load = load_bgp},
	{"flows", KEY_CUSTOM, .load = load_flows},
	{"nat", KEY_CUSTOM, .load = load_nat},
};

struct config *config_load_string(const char *text, size_t len, const char *name,
	struct config_error *ret_error)
{
	struct loader l = {.name = name, .text = text, .len = len, .error = ret_error};
	struct yaml_problem problem;
	struct yaml_node *tree;
	int ret;

	memset(ret_error, 0, sizeof(*ret_error));
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		/* A byte order mark: no column of the first line. */
		l.text = text += 3;
		l.len = len -= 3;
	}
	tree = yaml_parse(text, len, &problem);
	if (tree == NULL) {
		error_place(ret_error, name, text, len, problem.pos, problem.bytes);
		snprintf(ret_error->message, sizeof(ret_error->message), "%s", problem.message);
		snprintf(ret_error->hint, sizeof(ret_error->hint), "%s", problem.hint);
		error_mask(ret_error->message);
		for (char *p = ret_error->source; problem.not_text && *p != '\0'; p++)
			if ((*p & 0x80) != 0)
				*p = '?';
		return NULL;
	}
	l.c = calloc(1, sizeof(*l.c));
	if (l.c == NULL) {
		load_no_memory(&l);
		yaml_free(tree);
		return NULL;
	}
	l.c->system = (struct config_system){
		.workers = 1,
		.memory_mb = 512,
		.packet_buffers = 32768,
		.socket = "/run/nvad.sock",
		.max_v4_groups = 65536,
	};
	flows_defaults(&l.c->flows);
	if (tree->first->type == YAML_SCALAR && tree->first->text[0] == '\0') {
		load_fail(&l, tree->first, "the configuration is empty");
		ret = load_hint(&l, "conf/nvad.yaml is an example to start from");
	} else {
		ret = load_mapping(&l, tree->first, top_keys, RTE_DIM(top_keys), l.c);
		if (ret == 0)
			ret = flows_finish(&l);
	}
	yaml_free(tree);
	if (ret < 0) {
		config_free(l.c);
		return NULL;
	}
	return l.c;
}

static struct config *file_error(struct config_error *e, const char *path, int error, const char *hint)
{
	memset(e, 0, sizeof(*e));
	snprintf(e->file, sizeof(e->file), "%s", path);
	snprintf(e->message, sizeof(e->message), "cannot read the configuration: %s", strerror(error));
	snprintf(e->hint, sizeof(e->hint), "%s", hint);
	return NULL;
}

/* Reads what there is, up to one byte beyond the limit, which the parser then refuses. */
static ssize_t read_all(int fd, char *buf, size_t cap)
{
	size_t len = 0;

	while (len < cap) {
		ssize_t n = read(fd, buf + len, cap - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

struct config *config_load(const char *path, struct config_error *ret_error)
{
	struct config *c;
	struct stat st;
	ssize_t len;
	char *text;
	/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return file_error(ret_error, path, errno, errno == ENOENT
			? "conf/nvad.yaml is an example to start from" : errno == EACCES
			? "run as root, or give the file's owner and mode a look" : "");
	if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode)) {
		close(fd);
		return file_error(ret_error, path, S_ISDIR(st.st_mode) ? EISDIR : EINVAL,
			"a regular file is wanted");
	}
	text = malloc(YAML_MAX_BYTES + 1);
	if (text == NULL) {
		close(fd);
		return file_error(ret_error, path, ENOMEM, "");
	}
	len = read_all(fd, text, YAML_MAX_BYTES + 1);
	close(fd);
	if (len < 0) {
		free(text);
		return file_error(ret_error, path, (int)-len, "");
	}
	c = config_load_string(text, (size_t)len, path, ret_error);
	free(text);
	return c;
}

static void match_free(struct config_nat_match *m)
{
	free(m->source);
	free(m->destination);
}

static void nat_free(struct config_nat *n)
{
	for (size_t i = 0; i < n->n_pools; i++)
		free(n->pools[i].addresses);
	for (size_t i = 0; i < n->n_snat; i++)
		match_free(&n->snat[i].match);
	for (size_t i = 0; i < n->n_dnat; i++) {
		match_free(&n->dnat[i].match);
		free(n->dnat[i].to);
	}
	free(n->pools);
	free(n->snat);
	free(n->dnat);
}

void config_free(struct config *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n_ports; i++) {
		free(c->ports[i].addresses);
		free(c->ports[i].neighbours);
	}
	free(c->ports);
	free(c->underlay_routes);
	free(c->routes);
	for (size_t i = 0; i < c->bgp.n_peers; i++) {
		struct config_peer *p = &c->bgp.peers[i];

		for (size_t k = 0; k < p->n_exports; k++)
			free(p->exports[k].communities);
		free(p->exports);
	}
	free(c->bgp.peers);
	nat_free(&c->nat);
	free(c->warnings);
	free(c);
}
