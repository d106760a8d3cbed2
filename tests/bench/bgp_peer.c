/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A BGP peer with nothing behind it, on lib/bgp: announces the prefixes of a file and counts what it
 * learns. For trying lib/bgp against other implementations, and as a source of full tables.
 *
 *   bgp_peer --as 64510 --id 10.0.0.1 --peer 10.0.0.2 --peer-as 65515 [options]
 *
 * One line an event on standard output: "up", "down", "learned REACH UNREACH SECONDS", "eor FAMILY",
 * "refresh FAMILY"; with --print also "+ PREFIX NEXT_HOP PATH" and "- PREFIX".
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "bgp/bgp.h"

struct peer {
	struct bgp *bgp;
	struct event_base *base;
	struct bgp_advert *adverts;
	size_t n_adverts, sent;
	size_t reach, unreach, told;
	uint64_t up_ms;
	bool print;
};

static void say_learned(struct peer *p)
{
	if (p->reach + p->unreach == p->told)
		return;
	p->told = p->reach + p->unreach;
	printf("learned %zu %zu %.3f\n", p->reach, p->unreach,
		(double)(clock_now_ms() - p->up_ms) / 1000);
	fflush(stdout);
}

static void peer_up(void *arg, struct bgp_peer *peer)
{
	struct peer *p = arg;
	struct bgp_peer_info info;

	bgp_peer_get_info(peer, &info);
	p->sent = 0;
	p->up_ms = clock_now_ms();
	printf("up ipv4=%d ipv6=%d as4=%d refresh=%d hold=%u local=%s\n", info.ipv4, info.ipv6,
		info.as4, info.refresh, info.hold_s, IP_ADDR_TEXT(&info.local_addr));
	fflush(stdout);
}

static void peer_down(void *arg, struct bgp_peer *peer)
{
	struct bgp_peer_info info;

	say_learned(arg);
	bgp_peer_get_info(peer, &info);
	printf("down: %s\n", info.last_error);
	fflush(stdout);
}

static int update(void *arg, struct bgp_peer *peer, const struct bgp_update *u)
{
	struct peer *p = arg;
	const struct ip_addr *nh;
	char path[256];
	size_t i;

	(void)peer;
	p->reach += u->n_reach;
	p->unreach += u->n_unreach;
	for (i = 0; p->print && i < u->n_unreach; i++)
		printf("- %s\n", IP_PREFIX_TEXT(&u->unreach[i]));
	for (i = 0; p->print && i < u->n_reach; i++) {
		nh = u->reach[i].addr.family == IP_V4 ? &u->next_hop_v4 : &u->next_hop_v6;
		printf("+ %s %s %s\n", IP_PREFIX_TEXT(&u->reach[i]), IP_ADDR_TEXT(nh),
			bgp_as_path_format(u->attrs, path, sizeof(path)));
	}
	if (u->end_of_rib_v4 || u->end_of_rib_v6) {
		say_learned(p);
		printf("eor %s\n", u->end_of_rib_v4 ? "ipv4" : "ipv6");
	}
	fflush(stdout);
	return 0;
}

static void refresh(void *arg, struct bgp_peer *peer, uint8_t family)
{
	struct peer *p = arg;

	(void)peer;
	p->sent = 0; /* all of it: simpler than one family, and as right */
	printf("refresh ipv%u\n", family);
	fflush(stdout);
}

static size_t pull(void *arg, struct bgp_peer *peer, struct bgp_advert *ret_adverts, size_t max)
{
	struct peer *p = arg;
	size_t n = p->n_adverts - p->sent, i;

	(void)peer;
	n = n < max ? n : max;
	for (i = 0; i < n; i++) {
		ret_adverts[i] = p->adverts[p->sent++];
		bgp_attrs_ref(ret_adverts[i].attrs);
	}
	if (n > 0 && p->sent == p->n_adverts) {
		printf("announced %zu %.3f\n", p->sent, (double)(clock_now_ms() - p->up_ms) / 1000);
		fflush(stdout);
	}
	return n;
}

/* Paths like "OWN x y origin": one set of attributes for about `per_set` prefixes in a row. */
static const struct bgp_attrs *make_attrs(uint32_t as, uint32_t n)
{
	const uint32_t ases[] = {as, 1000 + n % 50, 2000 + n % 997, 10000 + n};
	const uint32_t communities[] = {64500u << 16 | (n & 0xfff)};
	uint8_t path[2 + 4 * 4] = {BGP_AS_SEQUENCE, 4};
	struct bgp_attrs a = {.as_path = path, .as_path_bytes = sizeof(path),
		.communities = communities, .n_communities = 1};
	rte_be32_t be;
	size_t i;

	for (i = 0; i < 4; i++) {
		be = rte_cpu_to_be_32(ases[i]);
		memcpy(path + 2 + 4 * i, &be, 4);
	}
	return bgp_attrs_intern(&a);
}

static int read_prefixes(struct peer *p, const char *name, uint32_t as, size_t per_set,
	const struct ip_addr *nh_v4, const struct ip_addr *nh_v6)
{
	FILE *f = strcmp(name, "-") == 0 ? stdin : fopen(name, "r");
	const struct bgp_attrs *attrs = NULL;
	struct bgp_advert *a;
	size_t cap = 0;
	char line[128];

	if (f == NULL)
		return -errno;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (p->n_adverts == cap) {
			cap = cap > 0 ? 2 * cap : 1024;
			p->adverts = realloc(p->adverts, cap * sizeof(*p->adverts));
			if (p->adverts == NULL)
				return -ENOMEM;
		}
		a = &p->adverts[p->n_adverts];
		line[strcspn(line, "\r\n")] = '\0';
		if (ip_prefix_parse(line, &a->prefix) < 0)
			continue;
		a->next_hop = a->prefix.addr.family == IP_V4 ? *nh_v4 : *nh_v6;
		if (a->next_hop.family == IP_NONE)
			continue;
		if (p->n_adverts % per_set == 0) {
			attrs = make_attrs(as, (uint32_t)(p->n_adverts / per_set));
		} else {
			bgp_attrs_ref(attrs);
		}
		a->attrs = attrs;
		p->n_adverts++;
	}
	if (f != stdin)
		fclose(f);
	return 0;
}

static void stop(evutil_socket_t fd, short what, void *arg)
{
	struct peer *p = arg;

	(void)fd;
	(void)what;
	bgp_stop(p->bgp, 2000);
	event_base_loopbreak(p->base);
}

static void tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	say_learned(arg);
}

static struct ip_addr address(const char *text)
{
	struct ip_addr a;

	if (ip_addr_parse(text, &a) < 0) {
		fprintf(stderr, "bgp_peer: not an address: %s\n", text);
		exit(2);
	}
	return a;
}

int main(int argc, char **argv)
{
	enum { AS = 1, ID, PEER, PEER_AS, PORT, LISTEN, LOCAL, HOLD, TTL, PASSIVE, ANNOUNCE, NH4, NH6,
		PER_SET, PRINT };
	static const struct option options[] = {{"as", 1, 0, AS}, {"id", 1, 0, ID},
		{"peer", 1, 0, PEER}, {"peer-as", 1, 0, PEER_AS}, {"port", 1, 0, PORT},
		{"listen", 1, 0, LISTEN}, {"local", 1, 0, LOCAL}, {"hold", 1, 0, HOLD},
		{"ttl", 1, 0, TTL}, {"passive", 0, 0, PASSIVE}, {"announce", 1, 0, ANNOUNCE},
		{"next-hop-v4", 1, 0, NH4}, {"next-hop-v6", 1, 0, NH6}, {"per-set", 1, 0, PER_SET},
		{"print", 0, 0, PRINT}, {0}};
	struct config_peer cp = {.name = "peer", .ttl = 1, .hold_s = 90, .connect_retry_s = 1,
		.port = 179, .ipv4 = true, .ipv6 = true};
	struct config_bgp conf = {.enabled = true, .peers = &cp, .n_peers = 1};
	struct ip_addr nh_v4 = {0}, nh_v6 = {0}, id;
	const struct timeval second = {.tv_sec = 1};
	struct peer p = {0};
	struct bgp_ops ops = {peer_up, peer_down, update, refresh, pull, &p};
	const char *announce = NULL;
	size_t per_set = 6, i;
	struct event *ev[3];
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case AS: conf.as = (uint32_t)strtoul(optarg, NULL, 10); break;
		case ID: id = address(optarg); conf.router_id = ip_addr_be32(&id); break;
		case PEER: cp.address = address(optarg); break;
		case PEER_AS: cp.as = (uint32_t)strtoul(optarg, NULL, 10); break;
		case PORT: cp.port = (uint16_t)atoi(optarg); break;
		case LISTEN: conf.port = (uint16_t)atoi(optarg); break;
		case LOCAL: cp.local_address = address(optarg); break;
		case HOLD: cp.hold_s = (uint32_t)atoi(optarg); break;
		case TTL: cp.ttl = (uint8_t)atoi(optarg); break;
		case PASSIVE: cp.passive = true; break;
		case ANNOUNCE: announce = optarg; break;
		case NH4: nh_v4 = address(optarg); break;
		case NH6: nh_v6 = address(optarg); break;
		case PER_SET: per_set = strtoul(optarg, NULL, 10); break;
		case PRINT: p.print = true; break;
		default: return 2;
		}
	}
	if (conf.as == 0 || cp.as == 0 || cp.address.family == IP_NONE || per_set == 0) {
		fprintf(stderr, "bgp_peer: --as, --id, --peer and --peer-as are needed\n");
		return 2;
	}
	if (announce != NULL && read_prefixes(&p, announce, conf.as, per_set, &nh_v4, &nh_v6) < 0) {
		fprintf(stderr, "bgp_peer: cannot read %s\n", announce);
		return 2;
	}
	p.base = event_base_new();
	p.bgp = bgp_new(p.base, &conf, &ops);
	if (p.bgp == NULL) {
		fprintf(stderr, "bgp_peer: %s\n", strerror(errno));
		return 1;
	}
	ev[0] = evsignal_new(p.base, SIGTERM, stop, &p);
	ev[1] = evsignal_new(p.base, SIGINT, stop, &p);
	ev[2] = event_new(p.base, -1, EV_PERSIST, tick, &p);
	event_add(ev[0], NULL);
	event_add(ev[1], NULL);
	event_add(ev[2], &second);
	event_base_dispatch(p.base);
	for (i = 0; i < 3; i++)
		event_free(ev[i]);
	bgp_free(p.bgp);
	event_base_free(p.base);
	for (i = 0; i < p.n_adverts; i++)
		bgp_attrs_unref(p.adverts[i].attrs);
	free(p.adverts);
	return 0;
}
