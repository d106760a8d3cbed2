/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ports whose addresses the kernel owns (af_xdp): the kernel does ARP and neighbour discovery there, and
 * we follow its table over rtnetlink. Control thread, from neigh_run(); never blocks.
 *
 * Each of our entries asks the kernel to resolve the neighbour or to check on it (NTF_USE) and for what
 * it knows (RTM_GETNEIGH); changes come by RTNLGRP_NEIGH. Where messages were lost, all are asked again.
 */
#include <errno.h>
#include <net/if.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "base/log.h"
#include "neigh/neigh_priv.h"

#define POLL_READS 32

#define NUD_USABLE (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT)

int neigh_kernel_open(struct neigh_table *t, struct neigh_port *np)
{
	int group = RTNLGRP_NEIGH;

	np->ifindex = (int)if_nametoindex(np->port->kernel_ifname);
	if (np->ifindex == 0)
		return -errno;
	if (t->nl != NULL)
		return 0;
	t->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (t->nl == NULL)
		return -errno;
	if (mnl_socket_bind(t->nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
		mnl_socket_setsockopt(t->nl, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0) {
		int rc = -errno;

		neigh_kernel_close(t);
		return rc;
	}
	return 0;
}

void neigh_kernel_close(struct neigh_table *t)
{
	if (t->nl != NULL)
		mnl_socket_close(t->nl);
	t->nl = NULL;
}

static void request(struct neigh_table *t, const struct neigh_entry *e, uint16_t type, uint16_t flags,
	uint8_t ntf)
{
	char buf[128] = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ndmsg *ndm;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));
	ndm->ndm_family = e->addr.family == IP_V4 ? AF_INET : AF_INET6;
	ndm->ndm_ifindex = t->ports[e->port_id].ifindex;
	ndm->ndm_flags = ntf;
	mnl_attr_put(nlh, NDA_DST, ip_family_bits(e->addr.family) / 8, e->addr.bytes);
	if (mnl_socket_sendto(t->nl, nlh, nlh->nlmsg_len) < 0) /* the entry's timer asks again */
		log_debug("neigh", "rtnetlink: %s: %s", IP_ADDR_TEXT(&e->addr), strerror(errno));
}

void neigh_kernel_ask(struct neigh_table *t, const struct neigh_entry *e)
{
	if (t->nl == NULL)
		return;
	t->stats.solicits_sent++;
	request(t, e, RTM_NEWNEIGH, NLM_F_CREATE, NTF_USE);
	request(t, e, RTM_GETNEIGH, 0, 0);
}

static const struct neigh_port *port_of(const struct neigh_table *t, int ifindex)
{
	for (unsigned int i = 0; i < PORT_MAX; i++)
		if (t->ports[i].port != NULL && t->ports[i].ifindex == ifindex)
			return &t->ports[i];
	return NULL;
}

static int on_message(const struct nlmsghdr *nlh, void *arg)
{
	struct neigh_table *t = arg;
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);
	const struct rte_ether_addr *mac = NULL;
	const struct neigh_port *np;
	const struct nlattr *attr;
	struct ip_addr addr = {0};
	struct neigh_entry *e;

	if ((nlh->nlmsg_type != RTM_NEWNEIGH && nlh->nlmsg_type != RTM_DELNEIGH) ||
		mnl_nlmsg_get_payload_len(nlh) < sizeof(*ndm))
		return MNL_CB_OK;
	np = port_of(t, ndm->ndm_ifindex);
	if (np == NULL)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(*ndm)) {
		uint16_t len = mnl_attr_get_payload_len(attr);

		if (mnl_attr_get_type(attr) == NDA_DST && ndm->ndm_family == AF_INET && len == 4)
			addr = ip_addr_v4(mnl_attr_get_u32(attr));
		else if (mnl_attr_get_type(attr) == NDA_DST && ndm->ndm_family == AF_INET6 &&
			 len == 16)
			addr = ip_addr_v6(mnl_attr_get_payload(attr));
		else if (mnl_attr_get_type(attr) == NDA_LLADDR && len == sizeof(*mac))
			mac = mnl_attr_get_payload(attr);
	}
	e = neigh_find(t, np->port->id, &addr);
	if (e == NULL || e->state != NEIGH_KERNEL)
		return MNL_CB_OK;
	if (nlh->nlmsg_type == RTM_NEWNEIGH && ndm->ndm_state == NUD_FAILED)
		neigh_fail(t, e);
	else if (nlh->nlmsg_type == RTM_DELNEIGH)
		neigh_kernel_update(t, e, NULL);
	else if ((ndm->ndm_state & NUD_USABLE) != 0 && mac != NULL)
		neigh_kernel_update(t, e, mac);
	/* else: being resolved; what is known holds until that fails */
	return MNL_CB_OK;
}

static void ask_all(struct neigh_table *t)
{
	for (uint32_t i = 0; i <= t->bucket_mask; i++)
		for (struct neigh_entry *e = t->buckets[i]; e != NULL; e = e->chain)
			if (e->state == NEIGH_KERNEL)
				request(t, e, RTM_GETNEIGH, 0, 0);
}

void neigh_kernel_poll(struct neigh_table *t)
{
	char buf[16384];

	for (unsigned int i = 0; i < POLL_READS; i++) {
		ssize_t n = mnl_socket_recvfrom(t->nl, buf, sizeof(buf));

		if (n > 0) {
			/* Errors of single requests (no such neighbour yet) end the run of one
			 * datagram, which holds nothing else. */
			mnl_cb_run(buf, (size_t)n, 0, 0, on_message, t);
		} else if (n < 0 && errno == ENOBUFS) {
			t->stats.resyncs++;
			ask_all(t);
		} else if (n == 0 || errno != EINTR) {
			break;
		}
	}
}
