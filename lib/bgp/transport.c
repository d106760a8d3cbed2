/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The speaker's sockets: two listeners, and for each peer up to two TCP connections, as libevent's
 * bufferevents. It feeds bytes and time into session.c and carries its actions out. Control thread.
 *
 * Output is pulled from the RIB only while little is buffered, so that a slow peer costs no memory.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "base/clock.h"
#include "base/log.h"
#include "bgp/session.h"

#define OUTPUT_LOW (32 * 1024)	/* below it more is pulled */
#define OUTPUT_HIGH (64 * 1024) /* above it no more is */
#define PULL_MAX 256
#define READ_MAX (64 * 1024) /* bytes of one connection at a time, for the others' sake */
#define LINGER_S 2	     /* for a NOTIFICATION to reach the peer, */
#define LINGER_BYTES (1 << 20) /* while it may send as much */

/* One TCP connection. Without a peer it lingers: what is buffered goes out, what comes is ignored. */
struct conn {
	struct bgp *bgp;
	struct bgp_peer *peer;
	enum bgp_side side;
	struct bufferevent *bev;
	struct conn *next, **link; /* bgp->lingering */
	size_t ignored;		   /* bytes that came while lingering */
};

struct bgp_peer {
	struct bgp *bgp;
	const struct config_peer *conf;
	struct bgp_session session;
	struct conn *conn[2];
	struct conn *up; /* the established one, or NULL */
	struct event *timer, *kick;
	struct ip_addr local_addr;
	uint64_t messages_out, updates_out;
	bool end_of_rib_sent;
	uint64_t logged_error_ms;
	char logged_error[160]; /* what the log said of it, so that a retry does not repeat it */
	void *data;
};

struct bgp {
	struct event_base *base;
	const struct config_bgp *conf;
	struct bgp_ops ops;
	struct bgp_decoder decoder;
	struct evconnlistener *listeners[2];
	struct conn *lingering;
	struct bgp_peer *peers;
	size_t n_peers;
	uint32_t random;
};

static void run_actions(struct bgp_peer *p, struct bgp_actions *acts);

/* ---- addresses ---- */

static socklen_t to_sockaddr(const struct ip_addr *a, uint16_t port, struct sockaddr_storage *ret_sa)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret_sa;
	struct sockaddr_in *in = (struct sockaddr_in *)ret_sa;

	memset(ret_sa, 0, sizeof(*ret_sa));
	if (a->family == IP_V4) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, a->bytes, 4);
		return sizeof(*in);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, a->bytes, 16);
	return sizeof(*in6);
}

static struct ip_addr from_sockaddr(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return ip_addr_v4(((const struct sockaddr_in *)sa)->sin_addr.s_addr);
	if (sa->sa_family == AF_INET6)
		return ip_addr_v6(&((const struct sockaddr_in6 *)sa)->sin6_addr);
	return (struct ip_addr){0};
}

static void set_socket_options(int fd, const struct config_peer *conf)
{
	int one = 1, ttl = conf->ttl;

	/* None of them can fail on a TCP socket of that family, and none is worth a session. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (ttl > 0 && conf->address.family == IP_V4)
		setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
	else if (ttl > 0)
		setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &ttl, sizeof(ttl));
}

/* ---- connections ---- */

static void conn_free(struct conn *c)
{
	if (c->link != NULL) {
		*c->link = c->next;
		if (c->next != NULL)
			c->next->link = c->link;
	}
	bufferevent_free(c->bev);
	free(c);
}

static void linger_read(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	struct conn *c = arg;

	c->ignored += evbuffer_get_length(in);
	evbuffer_drain(in, evbuffer_get_length(in));
	if (c->ignored > LINGER_BYTES)
		conn_free(c);
}

static void linger_written(struct bufferevent *bev, void *arg)
{
	(void)arg;
	shutdown(bufferevent_getfd(bev), SHUT_WR);
}

static void linger_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	conn_free(arg);
}

/*
 * Closes a connection that its session has done with. What is buffered is sent, then the peer's end
 * of the connection awaited for a while: closing at once, with bytes unread, would send a RST that
 * can overtake the NOTIFICATION.
 */
static void conn_close(struct conn *c)
{
	static const struct timeval patience = {.tv_sec = LINGER_S};
	struct bgp *b = c->bgp;

	if (c->peer != NULL) {
		if (c->peer->up == c)
			c->peer->up = NULL;
		c->peer->conn[c->side] = NULL;
		c->peer = NULL;
	}
	if (evbuffer_get_length(bufferevent_get_output(c->bev)) == 0) {
		conn_free(c);
		return;
	}
	c->next = b->lingering;
	c->link = &b->lingering;
	if (c->next != NULL)
		c->next->link = &c->next;
	b->lingering = c;
	bufferevent_setcb(c->bev, linger_read, linger_written, linger_event, c);
	bufferevent_setwatermark(c->bev, EV_WRITE, 0, 0);
	bufferevent_set_timeouts(c->bev, &patience, &patience);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

static void arm_timer(struct bgp_peer *p)
{
	uint64_t at = bgp_session_deadline(&p->session), now = clock_now_ms(), wait;
	struct timeval tv;

	if (at == BGP_NEVER) {
		evtimer_del(p->timer);
		return;
	}
	wait = at > now ? at - now : 0;
	tv = (struct timeval){.tv_sec = (time_t)(wait / 1000),
		.tv_usec = (suseconds_t)(wait % 1000 * 1000)};
	evtimer_add(p->timer, &tv);
}

/* Before each event: the time, and the share of their length that timers run. */
static uint64_t now_for(struct bgp_peer *p)
{
	struct bgp *b = p->bgp;

	b->random = b->random * 1664525u + 1013904223u;
	p->session.jitter_permille = (uint16_t)(750 + (b->random >> 16) % 251);
	return clock_now_ms();
}

static void session_closed(struct bgp_peer *p, enum bgp_side side, const char *why)
{
	struct bgp_actions acts;

	bgp_session_closed(&p->session, side, why, now_for(p), &acts);
	run_actions(p, &acts);
}

/* ---- input ---- */

static void conn_readable(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	struct conn *c = arg;
	struct bgp_peer *p = c->peer;
	enum bgp_side side = c->side;
	struct bgp_actions acts;
	struct bgp_error error;
	uint64_t now = now_for(p);
	const uint8_t *data;
	size_t have;
	int len;

	/* An action may close the connection: then it is the peer's no more, and may be freed. */
	while (p->conn[side] == c && (have = evbuffer_get_length(in)) > 0) {
		have = RTE_MIN(have, (size_t)BGP_MESSAGE_MAX);
		data = evbuffer_pullup(in, (ev_ssize_t)RTE_MIN(have, (size_t)BGP_HEADER_BYTES));
		len = bgp_frame(data, have, &error);
		if (len == 0)
			break;
		if (len < 0) {
			bgp_session_bad_frame(&p->session, side, &error, now, &acts);
			run_actions(p, &acts);
			break;
		}
		data = evbuffer_pullup(in, len);
		bgp_session_input(&p->session, side, data, (size_t)len, now, &acts);
		run_actions(p, &acts);
		if (p->conn[side] == c)
			evbuffer_drain(in, (size_t)len);
	}
	arm_timer(p);
}

/* ---- output ---- */

static void send_bytes(struct bgp_peer *p, struct conn *c, const void *data, size_t len)
{
	bufferevent_write(c->bev, data, len);
	p->messages_out++;
}

static void send_end_of_rib(struct bgp_peer *p)
{
	const struct bgp_codec *codec = &p->session.codec;
	uint8_t msg[64], family;
	struct buf_writer w;

	p->end_of_rib_sent = true;
	for (family = IP_V4; family <= IP_V6; family += IP_V6 - IP_V4) {
		if (family == IP_V4 ? !codec->ipv4 : !codec->ipv6)
			continue;
		w = buf_writer(msg, sizeof(msg));
		bgp_encode_end_of_rib(&w, family);
		send_bytes(p, p->up, msg, w.len);
		p->updates_out++;
	}
}

/* Pulls adverts and sends them until enough is buffered, or there is no more. */
static void fill_output(struct bgp_peer *p)
{
	struct bgp_advert adverts[PULL_MAX];
	struct evbuffer *out = bufferevent_get_output(p->up->bev);
	struct bgp *b = p->bgp;
	uint8_t msg[BGP_MESSAGE_MAX];
	struct buf_writer w;
	size_t n, i;

	while (evbuffer_get_length(out) < OUTPUT_HIGH) {
		n = b->ops.pull(b->ops.arg, p, adverts, PULL_MAX);
		if (n == 0) {
			if (!p->end_of_rib_sent)
				send_end_of_rib(p);
			return;
		}
		bgp_adverts_sort(adverts, n);
		for (i = 0; i < n;) {
			w = buf_writer(msg, sizeof(msg));
			i += bgp_encode_update(&w, &p->session.codec, &adverts[i], n - i);
			assert(!w.failed);
			if (w.len == 0)
				continue;
			send_bytes(p, p->up, msg, w.len);
			p->updates_out++;
		}
		for (i = 0; i < n; i++)
			bgp_attrs_unref(adverts[i].attrs);
	}
}

static void conn_writable(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;

	(void)bev;
	if (c->peer->up == c)
		fill_output(c->peer);
}

static void kicked(evutil_socket_t fd, short what, void *arg)
{
	struct bgp_peer *p = arg;

	(void)fd;
	(void)what;
	if (p->up != NULL && evbuffer_get_length(bufferevent_get_output(p->up->bev)) < OUTPUT_LOW)
		fill_output(p);
}

void bgp_peer_kick(struct bgp_peer *peer)
{
	/* Not at once: the RIB may be in the middle of a change. */
	event_active(peer->kick, EV_TIMEOUT, 0);
}

/* ---- opening ---- */

static void remember_local(struct bgp_peer *p, struct conn *c)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	p->local_addr = (struct ip_addr){0};
	if (getsockname(bufferevent_getfd(c->bev), (struct sockaddr *)&sa, &len) == 0)
		p->local_addr = from_sockaddr((struct sockaddr *)&sa);
}

static void conn_event(struct bufferevent *bev, short what, void *arg)
{
	int error = EVUTIL_SOCKET_ERROR();
	struct conn *c = arg;
	struct bgp_peer *p = c->peer;
	enum bgp_side side = c->side;
	struct bgp_actions acts;

	if (what & BEV_EVENT_CONNECTED) {
		bufferevent_enable(bev, EV_READ | EV_WRITE);
		bgp_session_connected(&p->session, now_for(p), &acts);
		run_actions(p, &acts);
		return;
	}
	/* What is buffered for a connection that is gone is gone with it. */
	if (p->up == c)
		p->up = NULL;
	p->conn[side] = NULL;
	conn_free(c);
	session_closed(p, side, what & BEV_EVENT_EOF ? "closed by the peer" :
		error != 0 ? strerror(error) : "failed");
}

/* Takes the descriptor over, also where it fails. */
static struct conn *conn_new(struct bgp_peer *p, enum bgp_side side, int fd)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c != NULL)
		c->bev = bufferevent_socket_new(p->bgp->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (c == NULL || c->bev == NULL) {
		free(c);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	c->bgp = p->bgp;
	c->peer = p;
	c->side = side;
	p->conn[side] = c;
	bufferevent_setcb(c->bev, conn_readable, conn_writable, conn_event, c);
	bufferevent_setwatermark(c->bev, EV_WRITE, OUTPUT_LOW, 0);
	bufferevent_set_max_single_read(c->bev, READ_MAX);
	return c;
}

/* Starts the outgoing connection. Returns 0 or -errno. */
static int conn_connect(struct bgp_peer *p)
{
	const struct config_peer *conf = p->conf;
	struct sockaddr_storage sa;
	socklen_t len;
	struct conn *c;
	int fd, rc;

	fd = socket(conf->address.family == IP_V4 ? AF_INET : AF_INET6,
		SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	set_socket_options(fd, conf);
	if (conf->local_address.family == conf->address.family) {
		len = to_sockaddr(&conf->local_address, 0, &sa);
		if (bind(fd, (struct sockaddr *)&sa, len) < 0) {
			rc = -errno;
			close(fd);
			return rc;
		}
	}
	len = to_sockaddr(&conf->address, conf->port, &sa);
	if (connect(fd, (struct sockaddr *)&sa, len) < 0 && errno != EINPROGRESS) {
		rc = -errno;
		close(fd);
		return rc;
	}
	c = conn_new(p, BGP_OUT, fd);
	if (c == NULL)
		return -ENOMEM;
	/* On a connection already under way it merely waits for the end of it. */
	if (bufferevent_socket_connect(c->bev, NULL, 0) < 0) {
		p->conn[BGP_OUT] = NULL;
		conn_free(c);
		return -ENOMEM;
	}
	return 0;
}

static struct bgp_peer *peer_by_address(struct bgp *b, const struct ip_addr *a)
{
	size_t i;

	for (i = 0; i < b->n_peers; i++)
		if (ip_addr_equal(&b->peers[i].conf->address, a))
			return &b->peers[i];
	return NULL;
}

/* Says why and closes, without a state to keep: there is no limit on who may come. */
static void refuse(int fd, uint8_t subcode)
{
	const struct bgp_error e = {.code = BGP_ERR_CEASE, .subcode = subcode};
	uint8_t msg[64];
	struct buf_writer w = buf_writer(msg, sizeof(msg));

	bgp_encode_notification(&w, &e);
	if (send(fd, msg, w.len, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		shutdown(fd, SHUT_WR);
	close(fd);
}

static void accepted(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa, int len,
	void *arg)
{
	struct ip_addr from = from_sockaddr(sa);
	struct bgp *b = arg;
	struct bgp_peer *p = peer_by_address(b, &from);
	struct bgp_actions acts;
	struct conn *c;

	(void)l;
	(void)len;
	if (p == NULL) {
		log_debug("bgp", "connection from %s, which is no peer: refused", IP_ADDR_TEXT(&from));
		refuse(fd, BGP_CEASE_REJECTED);
		return;
	}
	/* A second one before the first has come far: the peer has lost the first. */
	if (p->conn[BGP_IN] != NULL && p->up == NULL) {
		conn_close(p->conn[BGP_IN]);
		session_closed(p, BGP_IN, "replaced by a new connection");
	}
	if (!bgp_session_accept(&p->session, now_for(p), &acts)) {
		if (p->session.state == BGP_ESTABLISHED)
			refuse(fd, BGP_CEASE_COLLISION);
		else
			close(fd); /* Idle: as if nobody listened (RFC 4271 8.2.2) */
		return;
	}
	set_socket_options(fd, p->conf);
	c = conn_new(p, BGP_IN, fd);
	if (c == NULL) {
		session_closed(p, BGP_IN, strerror(ENOMEM));
		return;
	}
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	run_actions(p, &acts);
}

/* ---- actions ---- */

static void log_up(struct bgp_peer *p)
{
	const struct bgp_session *s = &p->session;

	log_info("bgp", "peer %s: Established: hold time %u s,%s%s", p->conf->name, s->hold_s,
		s->codec.ipv4 ? " IPv4" : "", s->codec.ipv6 ? " IPv6" : "");
	p->logged_error[0] = '\0';
}

/* Why there is no session, once and not at every attempt. */
static void log_error_while_down(struct bgp_peer *p)
{
	const struct bgp_session *s = &p->session;

	if (s->state == BGP_ESTABLISHED || s->last_error_ms == p->logged_error_ms)
		return;
	p->logged_error_ms = s->last_error_ms;
	if (strcmp(p->logged_error, s->last_error) == 0)
		return;
	memcpy(p->logged_error, s->last_error, sizeof(p->logged_error));
	log_info("bgp", "peer %s: %s", p->conf->name, s->last_error);
}

static void deliver_update(struct bgp_peer *p, struct bgp_actions *acts)
{
	struct bgp *b = p->bgp;
	struct bgp_actions cease;
	int rc;

	rc = b->ops.update(b->ops.arg, p, &acts->update);
	bgp_attrs_unref(acts->update.attrs);
	if (rc == 0)
		return;
	bgp_session_cease(&p->session,
		rc == -EDQUOT ? BGP_CEASE_MAX_PREFIXES : BGP_CEASE_RESOURCES, now_for(p), &cease);
	run_actions(p, &cease);
}

static void run_action(struct bgp_peer *p, struct bgp_actions *acts, const struct bgp_action *a,
	int *ret_connect_error)
{
	struct bgp *b = p->bgp;
	struct conn *c = p->conn[a->side];

	switch (a->kind) {
	case BGP_DO_CONNECT:
		*ret_connect_error = -conn_connect(p);
		break;
	case BGP_DO_SEND:
		if (c != NULL)
			send_bytes(p, c, acts->bytes + a->at, a->n_bytes);
		break;
	case BGP_DO_CLOSE:
		if (c != NULL)
			conn_close(c);
		break;
	case BGP_DO_UP:
		p->up = c;
		p->end_of_rib_sent = false;
		log_up(p);
		remember_local(p, c);
		b->ops.peer_up(b->ops.arg, p);
		bgp_peer_kick(p);
		break;
	case BGP_DO_DOWN:
		p->up = NULL;
		log_info("bgp", "peer %s: no longer Established", p->conf->name);
		p->local_addr = (struct ip_addr){0};
		b->ops.peer_down(b->ops.arg, p);
		break;
	case BGP_DO_UPDATE:
		deliver_update(p, acts);
		break;
	case BGP_DO_REFRESH:
		b->ops.refresh(b->ops.arg, p, a->family);
		bgp_peer_kick(p);
		break;
	}
}

static void run_actions(struct bgp_peer *p, struct bgp_actions *acts)
{
	int connect_error = 0;
	unsigned int i;

	for (i = 0; i < acts->n; i++)
		run_action(p, acts, &acts->list[i], &connect_error);
	log_error_while_down(p);
	if (connect_error != 0)
		session_closed(p, BGP_OUT, strerror(connect_error));
	else if (acts->n != 1 || acts->list[0].kind != BGP_DO_UPDATE)
		arm_timer(p);
}

static void timer_expired(evutil_socket_t fd, short what, void *arg)
{
	struct bgp_peer *p = arg;
	struct bgp_actions acts;

	(void)fd;
	(void)what;
	bgp_session_tick(&p->session, now_for(p), &acts);
	run_actions(p, &acts);
	arm_timer(p);
}

/* ---- the speaker ---- */

/* Listens on all addresses of the family: peers are told apart by theirs. 0 or -errno. */
static int start_listener(struct bgp *b, uint8_t family)
{
	const unsigned int flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE;
	struct ip_addr any = {.family = family};
	struct evconnlistener *l;
	struct sockaddr_storage sa;
	socklen_t len = to_sockaddr(&any, b->conf->port, &sa);
	int rc;

	l = evconnlistener_new_bind(b->base, accepted, b,
		flags | (family == IP_V6 ? LEV_OPT_BIND_IPV6ONLY : 0), 64, (struct sockaddr *)&sa,
		(int)len);
	if (l == NULL) {
		rc = -errno;
		log_error("bgp", "listen on %s port %u: %s%s", IP_ADDR_TEXT(&any), b->conf->port,
			strerror(-rc), rc == -EADDRINUSE ? "; stop the other BGP daemon, or set bgp.port" :
			rc == -EACCES ? "; CAP_NET_BIND_SERVICE is missing" : "");
		return rc;
	}
	b->listeners[family == IP_V6] = l;
	return 0;
}

static int peer_init(struct bgp *b, struct bgp_peer *p, const struct config_peer *conf)
{
	const struct bgp_session_conf sc = {.local_as = b->conf->as, .remote_as = conf->as,
		.local_id = b->conf->router_id, .hold_s = conf->hold_s,
		.connect_retry_s = RTE_MAX(conf->connect_retry_s, 1u), .passive = conf->passive,
		.ipv4 = conf->ipv4, .ipv6 = conf->ipv6};

	p->bgp = b;
	p->conf = conf;
	bgp_session_init(&p->session, &sc, &b->decoder, clock_now_ms());
	p->timer = evtimer_new(b->base, timer_expired, p);
	p->kick = event_new(b->base, -1, 0, kicked, p);
	return p->timer != NULL && p->kick != NULL ? 0 : -ENOMEM;
}

struct bgp *bgp_new(struct event_base *base, const struct config_bgp *conf, const struct bgp_ops *ops)
{
	bool listens[2] = {false, false};
	struct bgp_actions acts;
	struct bgp *b;
	size_t i;
	int rc = 0;

	b = calloc(1, sizeof(*b));
	if (b == NULL)
		return NULL;
	signal(SIGPIPE, SIG_IGN); /* a peer that closes must not end the process */
	b->base = base;
	b->conf = conf;
	b->ops = *ops;
	if (getrandom(&b->random, sizeof(b->random), GRND_NONBLOCK) < 0)
		b->random = (uint32_t)clock_now_ns();
	b->peers = calloc(conf->n_peers + 1, sizeof(*b->peers));
	if (b->peers == NULL)
		rc = -ENOMEM;
	for (i = 0; i < conf->n_peers && rc == 0; i++) {
		rc = peer_init(b, &b->peers[i], &conf->peers[i]);
		b->n_peers++;
		listens[conf->peers[i].address.family == IP_V6] = true;
	}
	if (rc == 0 && conf->port != 0 && listens[0])
		rc = start_listener(b, IP_V4);
	if (rc == 0 && conf->port != 0 && listens[1])
		rc = start_listener(b, IP_V6);
	if (rc < 0) {
		bgp_free(b);
		errno = -rc;
		return NULL;
	}
	for (i = 0; i < b->n_peers; i++) {
		bgp_session_start(&b->peers[i].session, now_for(&b->peers[i]), &acts);
		run_actions(&b->peers[i], &acts);
	}
	return b;
}

static bool wait_for(int fd, short events, uint64_t until_ms)
{
	struct pollfd pfd = {.fd = fd, .events = events};
	uint64_t now = clock_now_ms();

	return poll(&pfd, 1, now < until_ms ? (int)(until_ms - now) : 0) > 0;
}

/* What linger_*() do, but now: the event loop runs no more. */
static void flush(struct conn *c, uint64_t until_ms)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);
	int fd = bufferevent_getfd(c->bev);

	bufferevent_disable(c->bev, EV_READ | EV_WRITE);
	evbuffer_unfreeze(out, 1); /* a bufferevent freezes its output against all but itself */
	while (evbuffer_get_length(out) > 0)
		if (!wait_for(fd, POLLOUT, until_ms) || evbuffer_write(out, fd) < 0)
			return;
	shutdown(fd, SHUT_WR);
}

/* Unread bytes would make close() a reset, which may overtake what was flushed. */
static void await_close(struct conn *c, uint64_t until_ms)
{
	int fd = bufferevent_getfd(c->bev);
	char ignored[4096];

	while (wait_for(fd, POLLIN, until_ms))
		if (read(fd, ignored, sizeof(ignored)) <= 0)
			return;
}

void bgp_stop(struct bgp *b, uint32_t timeout_ms)
{
	uint64_t until = clock_now_ms() + timeout_ms;
	struct bgp_actions acts;
	size_t i;

	for (i = 0; i < 2; i++) {
		if (b->listeners[i] != NULL)
			evconnlistener_free(b->listeners[i]);
		b->listeners[i] = NULL;
	}
	for (i = 0; i < b->n_peers; i++) {
		bgp_session_stop(&b->peers[i].session, BGP_CEASE_SHUTDOWN, now_for(&b->peers[i]),
			&acts);
		run_actions(&b->peers[i], &acts);
	}
	for (struct conn *c = b->lingering; c != NULL; c = c->next)
		flush(c, until);
	while (b->lingering != NULL) {
		await_close(b->lingering, until);
		conn_free(b->lingering);
	}
}

void bgp_free(struct bgp *b)
{
	struct bgp_peer *p;
	size_t i;

	if (b == NULL)
		return;
	for (i = 0; i < 2; i++)
		if (b->listeners[i] != NULL)
			evconnlistener_free(b->listeners[i]);
	for (p = b->peers; p < b->peers + b->n_peers; p++) {
		for (i = 0; i < 2; i++)
			if (p->conn[i] != NULL)
				conn_free(p->conn[i]);
		if (p->timer != NULL)
			event_free(p->timer);
		if (p->kick != NULL)
			event_free(p->kick);
	}
	while (b->lingering != NULL)
		conn_free(b->lingering);
	free(b->peers);
	free(b);
}

/* ---- for the RIB and the operator ---- */

void bgp_peer_set_data(struct bgp_peer *peer, void *data)
{
	peer->data = data;
}

void *bgp_peer_data(const struct bgp_peer *peer)
{
	return peer->data;
}

const struct config_peer *bgp_peer_conf(const struct bgp_peer *peer)
{
	return peer->conf;
}

void bgp_peer_get_info(const struct bgp_peer *peer, struct bgp_peer_info *ret_info)
{
	const struct bgp_session *s = &peer->session;
	bool up = s->state == BGP_ESTABLISHED;

	*ret_info = (struct bgp_peer_info){
		.state = s->state, .remote_as = s->conf.remote_as, .local_as = s->conf.local_as,
		.ebgp = s->conf.local_as != s->conf.remote_as, .remote_id = up ? s->remote.id : 0,
		.local_addr = peer->local_addr, .ipv4 = up && s->codec.ipv4,
		.ipv6 = up && s->codec.ipv6, .as4 = up && s->codec.as4,
		.refresh = up && s->remote.refresh, .hold_s = up ? s->hold_s : 0,
		.keepalive_s = up ? s->keepalive_s : 0, .state_since_ms = s->state_since_ms,
		.established_count = s->established_count, .messages_in = s->messages_in,
		.messages_out = peer->messages_out, .updates_in = s->updates_in,
		.updates_out = peer->updates_out, .errors_withdrawn = s->errors_withdrawn,
		.sent_code = s->sent_code, .sent_subcode = s->sent_subcode,
		.received_code = s->received_code, .received_subcode = s->received_subcode,
		.last_error_ms = s->last_error_ms,
		.error_is_over = s->error_is_over,
	};
	memcpy(ret_info->last_error, s->last_error, sizeof(ret_info->last_error));
}

const char *bgp_state_name(enum bgp_state s)
{
	static const char *const names[] = {"Idle", "Connect", "Active", "OpenSent", "OpenConfirm",
		"Established"};

	return (unsigned int)s < RTE_DIM(names) ? names[s] : "?";
}

struct bgp_peer *bgp_peer_by_name(struct bgp *b, const char *name_or_address)
{
	struct ip_addr a;
	size_t i;

	for (i = 0; i < b->n_peers; i++)
		if (strcmp(b->peers[i].conf->name, name_or_address) == 0)
			return &b->peers[i];
	return ip_addr_parse(name_or_address, &a) == 0 ? peer_by_address(b, &a) : NULL;
}

struct bgp_peer *bgp_peer_next(struct bgp *b, struct bgp_peer *after)
{
	struct bgp_peer *p = after != NULL ? after + 1 : b->peers;

	return p < b->peers + b->n_peers ? p : NULL;
}
