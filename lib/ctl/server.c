/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clients of the operator's socket. Each has at most one line of input and one slice of output in
 * memory: the next request is read, and the next slice made, only once the client took the last one.
 * So a client costs a bounded amount of memory and time, whatever it sends and however slowly it reads.
 */
#include "ctl/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "base/log.h"
#include "ctl/ctl.h"
#include "ctl/listen.h"

#define WAIT_US 1000 /* before a call that waits is asked again */

struct client {
	struct client *next, **prev;
	struct ctl *ctl;
	struct bufferevent *bev;
	struct ctl_call call;
	json_t *request; /* what call's words point into */
	struct event *again; /* of a call that waits for its rows */
	uid_t uid;
	bool running;	 /* the call has slices left */
	bool closing;	 /* close once the output is gone */
	bool eof;	 /* the client sends no more */
};

struct ctl {
	struct ctl_server_conf conf;
	struct ctl_listen listen;
	struct evconnlistener *listener;
	struct event *accept_again; /* a pause after accept() failed */
	struct client *clients;
	unsigned int n_clients;
};

static void call_end(struct client *c)
{
	if (!c->running)
		return;
	ctl_call_fini(&c->call);
	json_decref(c->request);
	c->request = NULL;
	c->running = false;
	event_del(c->again);
}

static void client_free(struct client *c)
{
	call_end(c);
	*c->prev = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	c->ctl->n_clients--;
	bufferevent_free(c->bev);
	event_free(c->again);
	free(c);
}

/* Takes the reply's reference. */
static void send_reply(struct client *c, json_t *reply)
{
	char *text = reply != NULL ? json_dumps(reply, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;

	json_decref(reply);
	if (text == NULL || bufferevent_write(c->bev, text, strlen(text)) < 0 ||
		bufferevent_write(c->bev, "\n", 1) < 0)
		c->closing = true; /* out of memory: a cut line must be the last */
	free(text);
}

/* One slice of the call. */
static void run_slice(struct client *c)
{
	static const struct timeval pause = {.tv_usec = WAIT_US};
	int ret = c->call.command->run(&c->call);

	if (ret == CTL_WAIT) {
		event_add(c->again, &pause);
		return;
	}
	if (ret < 0)
		send_reply(c, ctl_reply_error(c->call.error_code, c->call.error, c->call.hint));
	else
		send_reply(c, ctl_reply_take(&c->call, ret > 0));
	if (ret <= 0)
		call_end(c);
}

/* Who asks for a change must be root or nvad itself; the socket's group may look. */
static int check_permission(struct client *c)
{
	const struct ctl_command *command = c->call.command;

	c->call.uid = c->uid;
	if (!command->changes || c->uid == 0 || c->uid == geteuid())
		return 0;
	return ctl_fail(&c->call, "permission", "try again as root, as in: sudo nvactl ...",
		"'%s' is for root and nvad's own user, not for uid %u", command->words,
		(unsigned int)c->uid);
}

static void run_line(struct client *c, const char *line, size_t len)
{
	const struct ctl_server_conf *conf = &c->ctl->conf;

	c->running = true;
	if (ctl_request_parse(line, len, conf->table, conf->context, &c->call, &c->request) < 0 ||
		check_permission(c) < 0) {
		send_reply(c, ctl_reply_error(c->call.error_code, c->call.error, c->call.hint));
		call_end(c);
		return;
	}
	run_slice(c);
}

/* One step: a slice, or a line. Only with the output gone. May free the client. */
static void client_step(struct client *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	size_t len = 0;
	char *line;

	if (evbuffer_get_length(bufferevent_get_output(c->bev)) > 0)
		return;
	/* Its timer calls, whatever else the client says meanwhile. */
	if (event_pending(c->again, EV_TIMEOUT, NULL))
		return;
	if (c->closing) {
		client_free(c);
		return;
	}
	line = c->running ? NULL : evbuffer_readln(in, &len, EVBUFFER_EOL_LF);
	if (c->running) {
		run_slice(c);
	} else if ((line != NULL ? len : evbuffer_get_length(in)) > c->ctl->conf.max_line) {
		char text[64];

		snprintf(text, sizeof(text), "the line is longer than %u bytes", c->ctl->conf.max_line);
		send_reply(c, ctl_reply_error("too-long", text, ""));
		c->closing = true;
	} else if (line != NULL) {
		run_line(c, line, len);
	} else if (c->eof) {
		c->closing = true;
	}
	free(line);
	/* Nothing could be written, so nothing will call again. */
	if (c->closing && evbuffer_get_length(bufferevent_get_output(c->bev)) == 0)
		client_free(c);
}

static void on_ready(struct bufferevent *bev, void *arg)
{
	(void)bev;
	client_step(arg);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	client_step(arg);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct client *c = arg;

	if (what == (BEV_EVENT_EOF | BEV_EVENT_READING)) {
		/* It may still read what it asked for. */
		c->eof = true;
		client_step(c);
		return;
	}
	/* Both timeouts may come as one event; that of writing is the one that counts. */
	if ((what & BEV_EVENT_TIMEOUT) != 0 && (what & BEV_EVENT_WRITING) == 0 &&
		(c->running || evbuffer_get_length(bufferevent_get_output(bev)) > 0)) {
		/* Silent because it is busy reading; the write timeout watches over that. */
		bufferevent_enable(bev, EV_READ);
		return;
	}
	client_free(c);
}

static void refuse(int fd, const char *code, const char *message, const char *hint)
{
	json_t *reply = ctl_reply_error(code, message, hint);
	char *text = json_dumps(reply, JSON_COMPACT);

	/* The socket is fresh and its buffer empty: it takes a line, or it is gone. */
	if (text != NULL && (write(fd, text, strlen(text)) < 0 || write(fd, "\n", 1) < 0))
		log_debug("ctl", "refused client: %s", strerror(errno));
	free(text);
	json_decref(reply);
	evutil_closesocket(fd);
}

static struct timeval ms_to_timeval(unsigned int ms)
{
	return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *sa,
	int sa_len, void *arg)
{
	struct ctl *ctl = arg;
	struct timeval read_tv = ms_to_timeval(ctl->conf.read_timeout_ms);
	struct timeval write_tv = ms_to_timeval(ctl->conf.write_timeout_ms);
	struct client *c;
	uid_t uid;
	(void)sa;
	(void)sa_len;

	if (!ctl_listen_allows(&ctl->listen, fd, &uid)) {
		refuse(fd, "denied", "you may not use this socket",
			"become root, or join the group of system.socket_group");
		return;
	}
	if (ctl->n_clients >= ctl->conf.max_clients) {
		refuse(fd, "busy", "too many clients", "close another nvactl and try again");
		return;
	}
	c = calloc(1, sizeof(*c));
	if (c == NULL) {
		evutil_closesocket(fd);
		return;
	}
	c->ctl = ctl;
	c->uid = uid;
	c->again = evtimer_new(evconnlistener_get_base(listener), on_again, c);
	/* Callbacks from the loop only: then freeing a client in one of them is safe. */
	c->bev = bufferevent_socket_new(evconnlistener_get_base(listener), fd,
		BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	if (c->bev == NULL || c->again == NULL) {
		if (c->again != NULL)
			event_free(c->again);
		if (c->bev != NULL)
			bufferevent_free(c->bev); /* closes fd */
		else
			evutil_closesocket(fd);
		free(c);
		return;
	}
	bufferevent_setcb(c->bev, on_ready, on_ready, on_event, c);
	/* One byte more than a line may have, so that a longer one is seen as such. */
	bufferevent_setwatermark(c->bev, EV_READ, 0, ctl->conf.max_line + 2);
	bufferevent_set_timeouts(c->bev, &read_tv, &write_tv);
	c->next = ctl->clients;
	c->prev = &ctl->clients;
	if (c->next != NULL)
		c->next->prev = &c->next;
	ctl->clients = c;
	ctl->n_clients++;
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

static void on_accept_again(evutil_socket_t fd, short what, void *arg)
{
	struct ctl *ctl = arg;
	(void)fd;
	(void)what;

	evconnlistener_enable(ctl->listener);
}

static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	static const struct timeval pause = {.tv_sec = 1};
	struct ctl *ctl = arg;

	/* Out of descriptors: the client still waits, so the loop would spin on it. */
	log_warning("ctl", "accept: %s", strerror(errno));
	evconnlistener_disable(listener);
	event_add(ctl->accept_again, &pause);
}

struct ctl *ctl_server_new(struct event_base *base, const struct ctl_server_conf *conf, char *err,
	size_t err_len)
{
	struct ctl *ctl = calloc(1, sizeof(*ctl));
	int ret;

	if (ctl == NULL) {
		snprintf(err, err_len, "out of memory");
		errno = ENOMEM;
		return NULL;
	}
	ctl->conf = *conf;
	ret = ctl_listen_open(&ctl->listen, conf->path, conf->group, err, err_len);
	if (ret < 0) {
		free(ctl);
		errno = -ret;
		return NULL;
	}
	ctl->accept_again = evtimer_new(base, on_accept_again, ctl);
	ctl->listener = evconnlistener_new(base, on_accept, ctl, LEV_OPT_CLOSE_ON_EXEC, 0,
		ctl->listen.fd);
	if (ctl->listener == NULL || ctl->accept_again == NULL) {
		snprintf(err, err_len, "%s: out of memory", conf->path);
		ctl_free(ctl);
		errno = ENOMEM;
		return NULL;
	}
	evconnlistener_set_error_cb(ctl->listener, on_accept_error);
	return ctl;
}

struct ctl *ctl_new(struct event_base *base, const struct ctl_context *context, char *err,
	size_t err_len)
{
	const struct ctl_server_conf conf = {
		.path = context->conf->system.socket,
		.group = context->conf->system.socket_group,
		.table = &ctl_commands,
		.context = context,
		.max_clients = CTL_MAX_CLIENTS,
		.max_line = CTL_MAX_LINE,
		.read_timeout_ms = CTL_READ_TIMEOUT_MS,
		.write_timeout_ms = CTL_WRITE_TIMEOUT_MS,
	};

	return ctl_server_new(base, &conf, err, err_len);
}

void ctl_free(struct ctl *ctl)
{
	if (ctl == NULL)
		return;
	while (ctl->clients != NULL)
		client_free(ctl->clients);
	ctl_listen_remove(&ctl->listen);
	if (ctl->listener != NULL)
		evconnlistener_free(ctl->listener);
	if (ctl->accept_again != NULL)
		event_free(ctl->accept_again);
	close(ctl->listen.fd);
	free(ctl);
}
