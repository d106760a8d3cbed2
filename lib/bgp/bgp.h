/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The BGP speaker: sessions over kernel sockets, driven by libevent on the control thread.
 * codec.h and session.h are pure (no I/O, no clock); transport.c holds every socket.
 *
 * What a session learns goes up through struct bgp_ops; what it announces is pulled through it, so
 * that a slow peer costs no memory.
 */
#ifndef BGP_BGP_H
#define BGP_BGP_H

#include <event2/event.h>

#include "base/addr.h"
#include "bgp/attr.h"
#include "config/config.h"

struct bgp;	 /* the speaker */
struct bgp_peer; /* one configured peer */

/* What one UPDATE says, decoded and checked (RFC 4271 6.3, RFC 7606). Valid during the call. */
struct bgp_update {
	const struct bgp_attrs *attrs; /* the RIB takes its own references; NULL: only withdrawals */
	struct ip_addr next_hop_v4, next_hop_v6; /* of the reachable prefixes of that family */
	const struct ip_prefix *reach, *unreach; /* canonical, families mixed; apply unreach first */
	size_t n_reach, n_unreach;
	bool end_of_rib_v4, end_of_rib_v6; /* RFC 4724 2 */
};

/* One route to announce, or to withdraw where attrs is NULL. */
struct bgp_advert {
	struct ip_prefix prefix;
	struct ip_addr next_hop;	/* set; never IP_NONE where attrs is set */
	const struct bgp_attrs *attrs;	/* complete as to be sent, AS_PATH with our own AS in front */
};

enum bgp_state {
	BGP_IDLE, BGP_CONNECT, BGP_ACTIVE, BGP_OPENSENT, BGP_OPENCONFIRM, BGP_ESTABLISHED,
};

struct bgp_ops {
	void (*peer_up)(void *arg, struct bgp_peer *peer);
	void (*peer_down)(void *arg, struct bgp_peer *peer);
	/* Returns 0, or -EDQUOT to close the session with Cease / Maximum Prefixes (RFC 4486). */
	int (*update)(void *arg, struct bgp_peer *peer, const struct bgp_update *update);
	/* ROUTE-REFRESH (RFC 2918): the peer wants the family's adverts again. */
	void (*refresh)(void *arg, struct bgp_peer *peer, uint8_t family);
	/* Fills up to max adverts that the peer has not been sent yet, taking them off its queue, each
	 * prefix at most once; attrs are references that the caller releases. Called when the socket
	 * can take more. The first call that returns 0 ends the initial table (End-of-RIB). */
	size_t (*pull)(void *arg, struct bgp_peer *peer, struct bgp_advert *ret_adverts, size_t max);
	void *arg;
};

/* Listens and starts the sessions. NULL with errno where it cannot listen, the reason logged: e.g.
 * "listen on 0.0.0.0 port 179: Address already in use". conf must outlive the speaker. */
struct bgp *bgp_new(struct event_base *base, const struct config_bgp *conf, const struct bgp_ops *ops);
/* Orderly stop: Cease / Administrative Shutdown (RFC 4486) to every peer with a connection, flushed,
 * then closed. Blocks for timeout_ms at most; the event loop need not run. */
void bgp_stop(struct bgp *b, uint32_t timeout_ms);
void bgp_free(struct bgp *b);

/* The RIB has something to send: the speaker will pull. */
void bgp_peer_kick(struct bgp_peer *peer);

/* The RIB's own handle on the peer, set in peer_up or before. */
void bgp_peer_set_data(struct bgp_peer *peer, void *data);
void *bgp_peer_data(const struct bgp_peer *peer);
const struct config_peer *bgp_peer_conf(const struct bgp_peer *peer);

/* What the decision process and `show` need. Counters since start. */
struct bgp_peer_info {
	enum bgp_state state;
	uint32_t remote_as, local_as;
	bool ebgp;
	rte_be32_t remote_id;		/* BGP Identifier */
	struct ip_addr local_addr;	/* of the TCP connection; IP_NONE while down */
	bool ipv4, ipv6;		/* negotiated */
	bool as4, refresh;		/* negotiated */
	uint32_t hold_s, keepalive_s;	/* negotiated */
	uint64_t state_since_ms;	/* clock_now_ms() when it entered this state */
	uint64_t established_count;
	uint64_t messages_in, messages_out, updates_in, updates_out;
	uint64_t errors_withdrawn; /* UPDATEs treated as withdrawals (RFC 7606) */
	uint8_t sent_code, sent_subcode, received_code, received_subcode; /* last NOTIFICATIONs */
	char last_error[160];		/* text for the operator, "" where none */
	uint64_t last_error_ms;		/* clock_now_ms() of it */
	bool error_is_over;		/* a session was established since */
};
void bgp_peer_get_info(const struct bgp_peer *peer, struct bgp_peer_info *ret_info);
const char *bgp_state_name(enum bgp_state s);

struct bgp_peer *bgp_peer_by_name(struct bgp *b, const char *name_or_address);
struct bgp_peer *bgp_peer_next(struct bgp *b, struct bgp_peer *after); /* NULL: the first */

#endif
