/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two speakers in one event loop, over loopback (127.0.0.1 and 127.0.0.2), and a peer of bare sockets
 * that misbehaves. Real time, but nothing waits longer than it must.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <unistd.h>

#include "unit.h"

#include "base/clock.h"
#include "base/log.h"
#include "bgp/codec.h"

#define PATIENCE_MS 10000

static struct event_base *base;

struct speaker {
	struct config_peer peer;
	struct config_bgp conf;
	struct bgp_ops ops;
	struct bgp *bgp;
	struct bgp_peer *p;
	const struct bgp_attrs *attrs;
	size_t to_send, sent, pulled;
	bool withdraw, quota;
	size_t reach[2], unreach[2];
	unsigned int ups, downs, eors;
};

static struct ip_addr address(const char *text)
{
	struct ip_addr a;

	assert_int_equal(ip_addr_parse(text, &a), 0);
	return a;
}

static void peer_up(void *arg, struct bgp_peer *peer)
{
	struct speaker *s = arg;

	s->p = peer;
	s->ups++;
	s->sent = 0;
}

static void peer_down(void *arg, struct bgp_peer *peer)
{
	struct speaker *s = arg;

	(void)peer;
	s->downs++;
}

static int update(void *arg, struct bgp_peer *peer, const struct bgp_update *u)
{
	struct speaker *s = arg;
	size_t i;

	(void)peer;
	for (i = 0; i < u->n_reach; i++)
		s->reach[u->reach[i].addr.family == IP_V6]++;
	for (i = 0; i < u->n_unreach; i++)
		s->unreach[u->unreach[i].addr.family == IP_V6]++;
	s->eors += u->end_of_rib_v4 + u->end_of_rib_v6;
	return s->quota && u->n_reach > 0 ? -EDQUOT : 0;
}

static void refresh(void *arg, struct bgp_peer *peer, uint8_t family)
{
	struct speaker *s = arg;

	(void)peer;
	(void)family;
	s->sent = 0;
}

/* Route i: 10.x.y.0/24, and every other one 2001:db8:xxyy::/48. */
static size_t pull(void *arg, struct bgp_peer *peer, struct bgp_advert *adverts, size_t max)
{
	struct speaker *s = arg;
	struct bgp_advert *a;
	size_t n;

	(void)peer;
	for (n = 0; n < max && s->sent < s->to_send; n++, s->sent++, s->pulled++) {
		a = &adverts[n];
		*a = (struct bgp_advert){0};
		if (s->sent % 2 == 0) {
			a->prefix = (struct ip_prefix){.addr.family = IP_V4, .len = 24};
			memcpy(a->prefix.addr.bytes, (uint8_t[]){10, s->sent >> 8, s->sent}, 3);
			a->next_hop = address("10.0.0.1");
		} else {
			a->prefix = (struct ip_prefix){.addr = address("2001:db8::"), .len = 48};
			a->prefix.addr.bytes[4] = (uint8_t)(s->sent >> 8);
			a->prefix.addr.bytes[5] = (uint8_t)s->sent;
			a->next_hop = address("fd00::1");
		}
		a->attrs = s->withdraw ? NULL : bgp_attrs_ref(s->attrs);
	}
	return n;
}

static const struct bgp_attrs *path_of(uint32_t as)
{
	uint8_t path[6] = {BGP_AS_SEQUENCE, 1, (uint8_t)(as >> 24), (uint8_t)(as >> 16),
		(uint8_t)(as >> 8), (uint8_t)as};
	const struct bgp_attrs proto = {.as_path = path, .as_path_bytes = 6};

	return bgp_attrs_intern(&proto);
}

static bool try_start(struct speaker *s, const char *local, uint32_t as, uint16_t port,
	const char *remote, uint32_t remote_as, uint16_t remote_port)
{
	struct ip_addr id = address(local);

	s->peer = (struct config_peer){.name = "peer", .address = address(remote),
		.local_address = address(local), .as = remote_as, .ttl = 1, .hold_s = 30,
		.connect_retry_s = 1, .port = remote_port, .ipv4 = true, .ipv6 = true};
	s->conf = (struct config_bgp){.enabled = true, .as = as, .router_id = ip_addr_be32(&id),
		.port = port, .peers = &s->peer, .n_peers = 1};
	s->ops = (struct bgp_ops){peer_up, peer_down, update, refresh, pull, s};
	s->attrs = path_of(as);
	s->bgp = bgp_new(base, &s->conf, &s->ops);
	if (s->bgp == NULL)
		bgp_attrs_unref(s->attrs);
	return s->bgp != NULL;
}

static void end(struct speaker *s)
{
	bgp_stop(s->bgp, 1000);
	bgp_free(s->bgp);
	bgp_attrs_unref(s->attrs);
}

/* A port that is free on every address; the kernel's choice. */
static uint16_t free_port(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET};
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	close(fd);
	return ntohs(sa.sin_port);
}

#define WAIT_FOR(condition)                                                                        \
	do {                                                                                       \
		uint64_t until_ = clock_now_ms() + PATIENCE_MS;                                    \
		while (!(condition)) {                                                             \
			assert_true(clock_now_ms() < until_);                                      \
			event_base_loop(base, EVLOOP_NONBLOCK);                                    \
			usleep(500);                                                               \
		}                                                                                  \
	} while (0)

static struct bgp_peer_info info_of(const struct speaker *s)
{
	struct bgp_peer_info info;

	bgp_peer_get_info(bgp_peer_next(s->bgp, NULL), &info);
	return info;
}

static void test_two_speakers(void **state)
{
	struct speaker a = {.to_send = 60000}, b = {.to_send = 10};
	uint16_t port_a = free_port(), port_b = free_port();
	struct bgp_peer_info info;

	(void)state;
	assert_true(try_start(&a, "127.0.0.1", 65001, port_a, "127.0.0.2", 398656, port_b));
	assert_true(try_start(&b, "127.0.0.2", 398656, port_b, "127.0.0.1", 65001, port_a));
	WAIT_FOR(b.eors >= 2 && a.eors >= 2);
	assert_int_equal(b.reach[0], 30000);
	assert_int_equal(b.reach[1], 30000);
	assert_int_equal(a.reach[0] + a.reach[1], 10);
	info = info_of(&a);
	assert_int_equal(info.state, BGP_ESTABLISHED);
	assert_true(info.ebgp && info.as4 && info.ipv4 && info.ipv6 && info.refresh);
	assert_int_equal(info.remote_as, 398656);
	assert_int_equal(info.hold_s, 30);
	assert_true(ip_addr_equal(&info.local_addr, &a.peer.local_address));
	assert_ptr_equal(bgp_peer_by_name(a.bgp, "peer"), a.p);
	assert_ptr_equal(bgp_peer_by_name(a.bgp, "127.0.0.2"), a.p);
	assert_null(bgp_peer_by_name(a.bgp, "127.0.0.3"));

	a.withdraw = true;
	a.sent = 0;
	bgp_peer_kick(a.p);
	WAIT_FOR(b.unreach[0] + b.unreach[1] == 60000);
	assert_int_equal(a.downs + b.downs, 0);
	assert_int_equal(a.ups, 1);

	/* An orderly stop reaches the peer as Cease / Administrative Shutdown. */
	end(&a);
	assert_int_equal(a.downs, 1);
	WAIT_FOR(b.downs == 1);
	info = info_of(&b);
	assert_int_equal(info.received_code, 6);
	assert_int_equal(info.received_subcode, 2);
	assert_string_equal(info.last_error, "received Cease: Administrative Shutdown");
	assert_false(info.error_is_over);

	/* It says nothing of the session that follows. */
	assert_true(try_start(&a, "127.0.0.1", 65001, port_a, "127.0.0.2", 398656, port_b));
	WAIT_FOR(b.ups == 2);
	info = info_of(&b);
	assert_int_equal(info.state, BGP_ESTABLISHED);
	assert_true(info.error_is_over);
	end(&a);
	end(&b);
	assert_int_equal(bgp_attrs_count(), 0);
}

static void test_quota(void **state)
{
	struct speaker a = {.to_send = 10}, b = {.quota = true};
	uint16_t port_a = free_port(), port_b = free_port();

	(void)state;
	assert_true(try_start(&a, "127.0.0.1", 65001, port_a, "127.0.0.2", 65002, port_b));
	assert_true(try_start(&b, "127.0.0.2", 65002, port_b, "127.0.0.1", 65001, port_a));
	WAIT_FOR(a.downs == 1 && b.downs == 1);
	assert_int_equal(info_of(&b).sent_code, 6);
	assert_int_equal(info_of(&b).sent_subcode, 1);
	assert_int_equal(info_of(&b).state, BGP_IDLE);
	assert_int_equal(info_of(&a).received_subcode, 1);
	end(&a);
	end(&b);
}

static void test_port_in_use(void **state)
{
	struct speaker a = {0}, b = {0};
	uint16_t port = free_port();

	(void)state;
	assert_true(try_start(&a, "127.0.0.1", 65001, port, "127.0.0.2", 65002, 1));
	errno = 0;
	assert_false(try_start(&b, "127.0.0.2", 65002, port, "127.0.0.1", 65001, port));
	assert_int_equal(errno, EADDRINUSE);
	end(&a);
}

/* ---- a peer of bare sockets ---- */

static int raw_connect(const char *from, uint16_t port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sa.sin_addr.s_addr = inet_addr(from);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	sa.sin_addr.s_addr = inet_addr("127.0.0.1");
	sa.sin_port = htons(port);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

/* Reads until the other side closes. */
static size_t read_all(int fd, uint8_t *buf, size_t cap)
{
	size_t len = 0;
	ssize_t n = 1;

	while (n != 0) {
		WAIT_FOR((n = recv(fd, buf + len, cap - len, MSG_DONTWAIT)) >= 0 || errno != EAGAIN);
		if (n < 0)
			break;
		len += (size_t)n;
	}
	return len;
}

static void assert_ends_with_notification(const uint8_t *buf, size_t len, uint8_t code, uint8_t subcode)
{
	struct bgp_error e;
	size_t at = 0;
	int n;

	while ((n = bgp_frame(buf + at, len - at, &e)) > 0 && at + (size_t)n < len)
		at += (size_t)n;
	assert_true(n > 0);
	assert_int_equal(buf[at + 18], BGP_MSG_NOTIFICATION);
	assert_int_equal(buf[at + 19], code);
	assert_int_equal(buf[at + 20], subcode);
}

static void test_unknown_peer(void **state)
{
	struct speaker a = {0};
	uint16_t port = free_port();
	uint8_t buf[4096];
	size_t len;
	int fd;

	(void)state;
	assert_true(try_start(&a, "127.0.0.1", 65001, port, "127.0.0.2", 65002, 1));
	fd = raw_connect("127.0.0.9", port);
	len = read_all(fd, buf, sizeof(buf));
	assert_ends_with_notification(buf, len, 6, 5);
	close(fd);
	end(&a);
}

static size_t handshake(uint8_t *msg, size_t cap)
{
	struct buf_writer w = buf_writer(msg, cap);

	bgp_encode_open(&w, &(struct bgp_open){.as = 65002, .id = 2, .hold_s = 90, .as4 = true,
		.ipv4 = true, .ipv6 = true});
	bgp_encode_keepalive(&w);
	return w.len;
}

/* Garbage, in each octet of a session's beginning: NOTIFICATION, delivered although unread bytes of
 * ours are on their way, and the speaker goes on. */
static void test_garbage(void **state)
{
	uint8_t msg[256], buf[8192];
	struct speaker a = {0};
	uint16_t port = free_port();
	size_t n, len, i;
	int fd;

	(void)state;
	assert_true(try_start(&a, "127.0.0.1", 65001, port, "127.0.0.2", 65002, 1));
	n = handshake(msg, sizeof(msg));
	fd = raw_connect("127.0.0.2", port);
	for (i = 0; i < n; i++) { /* octet by octet */
		assert_int_equal(send(fd, msg + i, 1, MSG_NOSIGNAL), 1);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	WAIT_FOR(a.ups == 1);
	memset(msg, 0xaa, sizeof(msg));
	for (i = 0; i < 50; i++)
		assert_true(send(fd, msg, sizeof(msg), MSG_NOSIGNAL) > 0);
	len = read_all(fd, buf, sizeof(buf));
	assert_ends_with_notification(buf, len, 1, 1);
	assert_int_equal(a.downs, 1);
	close(fd);
	end(&a);
}

/* A peer that never reads: what is pulled stays bounded, and a stop does not hang. */
static void test_slow_peer(void **state)
{
	struct speaker a = {.to_send = 2000000};
	uint16_t port = free_port();
	uint64_t before, until;
	uint8_t msg[256];
	size_t n;
	int fd, small = 4096;

	(void)state;
	assert_true(try_start(&a, "127.0.0.1", 65001, port, "127.0.0.2", 65002, 1));
	n = handshake(msg, sizeof(msg));
	fd = raw_connect("127.0.0.2", port);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	assert_int_equal(send(fd, msg, n, MSG_NOSIGNAL), n);
	WAIT_FOR(a.pulled > 0);
	for (until = clock_now_ms() + 300; clock_now_ms() < until;)
		event_base_loop(base, EVLOOP_NONBLOCK);
	/* 64 KB of ours and at most a few MB of the kernel's, at some 5 bytes a prefix. */
	assert_in_range(a.pulled, 1, 1500000);
	before = clock_now_ms();
	bgp_stop(a.bgp, 300);
	assert_in_range(clock_now_ms() - before, 0, 2000);
	close(fd);
	bgp_free(a.bgp);
	bgp_attrs_unref(a.attrs);
	assert_int_equal(bgp_attrs_count(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_speakers),
		cmocka_unit_test(test_quota),
		cmocka_unit_test(test_port_in_use),
		cmocka_unit_test(test_unknown_peer),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_slow_peer),
	};
	int rc;

	base = event_base_new();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	event_base_free(base);
	return rc;
}
