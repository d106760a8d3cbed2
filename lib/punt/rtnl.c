/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The few rtnetlink requests that set up a TUN interface: link, addresses, routes. Control thread, at
 * start only; each waits for the kernel's acknowledgement.
 */
#include "punt/punt_priv.h"

#include <errno.h>
#include <net/if.h>
#include <sys/socket.h>
#include <time.h>

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

/* The host's own routes (a DHCP client's default, say) win over ours of the same prefix. */
#define ROUTE_METRIC 20000

/* Sends the request and returns the acknowledgement's error, 0 or negative. */
static int transact(struct nlmsghdr *nlh)
{
	char buf[8192];
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	unsigned int seq = (unsigned int)time(NULL);
	ssize_t n;
	int rc = 0;

	if (nl == NULL)
		return -errno;
	nlh->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = seq;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
		mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0) {
		rc = -errno;
		goto out;
	}
	n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
	if (n < 0 || mnl_cb_run(buf, (size_t)n, seq, mnl_socket_get_portid(nl), NULL, NULL) < 0)
		rc = -errno;
out:
	mnl_socket_close(nl);
	return rc;
}

static void *request(char *buf, uint16_t type, uint16_t flags, size_t body_len)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = flags;
	return mnl_nlmsg_put_extra_header(nlh, body_len);
}

static int af_of(const struct ip_addr *addr)
{
	return addr->family == IP_V4 ? AF_INET : AF_INET6;
}

int punt_rtnl_link_up(unsigned int ifindex, uint16_t mtu_bytes)
{
	char buf[256] = {0};
	struct nlmsghdr *nlh = (struct nlmsghdr *)buf;
	struct ifinfomsg *ifi = request(buf, RTM_NEWLINK, 0, sizeof(*ifi));

	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = (int)ifindex;
	ifi->ifi_change = IFF_UP | IFF_MULTICAST;
	ifi->ifi_flags = IFF_UP;
	mnl_attr_put_u32(nlh, IFLA_MTU, mtu_bytes);
	return transact(nlh);
}

int punt_rtnl_addr_add(unsigned int ifindex, const struct ip_addr *addr, uint8_t len)
{
	char buf[256] = {0};
	struct nlmsghdr *nlh = (struct nlmsghdr *)buf;
	struct ifaddrmsg *ifa =
		request(buf, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*ifa));
	size_t bytes = ip_family_bits(addr->family) / 8;

	ifa->ifa_family = (uint8_t)af_of(addr);
	ifa->ifa_prefixlen = len;
	ifa->ifa_index = ifindex;
	ifa->ifa_scope = RT_SCOPE_UNIVERSE;
	if (addr->family == IP_V6 && ip_addr_is_link_local(addr))
		ifa->ifa_scope = RT_SCOPE_LINK;
	/* Duplicates are found on the wire, by lib/neigh, not on the TUN. */
	ifa->ifa_flags = addr->family == IP_V6 ? IFA_F_NODAD : 0;
	mnl_attr_put(nlh, IFA_LOCAL, bytes, addr->bytes);
	mnl_attr_put(nlh, IFA_ADDRESS, bytes, addr->bytes);
	return transact(nlh);
}

int punt_rtnl_route_add(unsigned int ifindex, const struct ip_prefix *prefix)
{
	char buf[256] = {0};
	struct nlmsghdr *nlh = (struct nlmsghdr *)buf;
	struct rtmsg *rtm = request(buf, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, sizeof(*rtm));
	int rc;

	rtm->rtm_family = (uint8_t)af_of(&prefix->addr);
	rtm->rtm_dst_len = prefix->len;
	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_protocol = RTPROT_STATIC;
	rtm->rtm_scope = prefix->addr.family == IP_V4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	rtm->rtm_type = RTN_UNICAST;
	if (prefix->len > 0)
		mnl_attr_put(nlh, RTA_DST, ip_family_bits(prefix->addr.family) / 8,
			prefix->addr.bytes);
	mnl_attr_put_u32(nlh, RTA_OIF, ifindex);
	mnl_attr_put_u32(nlh, RTA_PRIORITY, ROUTE_METRIC);
	rc = transact(nlh);
	/* Two ports may lead there; either carries the kernel's packets to the same resolve. */
	return rc == -EEXIST ? 0 : rc;
}
