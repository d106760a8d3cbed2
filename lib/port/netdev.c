/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel's side of a port: flags, MTU, MAC and channels of a netdev. Control thread. */
#include <errno.h>
#include <linux/capability.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rte_string_fns.h>

#include "port/port_priv.h"

static int netdev_ioctl(const char *ifname, unsigned long request, struct ifreq *ifr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return -errno;
	if (strlcpy(ifr->ifr_name, ifname, sizeof(ifr->ifr_name)) >= sizeof(ifr->ifr_name)) {
		close(fd);
		return -ENODEV;
	}
	rc = ioctl(fd, request, ifr) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

int netdev_index(const char *ifname)
{
	unsigned int index = if_nametoindex(ifname);

	return index > 0 ? (int)index : -ENODEV;
}

int netdev_get_flags(const char *ifname)
{
	struct ifreq ifr = {0};
	int rc = netdev_ioctl(ifname, SIOCGIFFLAGS, &ifr);

	return rc < 0 ? rc : (uint16_t)ifr.ifr_flags;
}

int netdev_set_up(const char *ifname, bool up)
{
	struct ifreq ifr = {0};
	int rc = netdev_ioctl(ifname, SIOCGIFFLAGS, &ifr);

	if (rc < 0 || !!(ifr.ifr_flags & IFF_UP) == up)
		return rc;
	ifr.ifr_flags ^= IFF_UP;
	return netdev_ioctl(ifname, SIOCSIFFLAGS, &ifr);
}

int netdev_set_mtu(const char *ifname, uint16_t mtu_bytes)
{
	struct ifreq ifr = {.ifr_mtu = mtu_bytes};

	return netdev_ioctl(ifname, SIOCSIFMTU, &ifr);
}

int netdev_set_mac(const char *ifname, const struct rte_ether_addr *mac)
{
	struct ifreq ifr = {.ifr_hwaddr.sa_family = ARPHRD_ETHER};

	memcpy(ifr.ifr_hwaddr.sa_data, mac, sizeof(*mac));
	return netdev_ioctl(ifname, SIOCSIFHWADDR, &ifr);
}

static int get_channels(const char *ifname, struct ethtool_channels *ret_channels)
{
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	struct ifreq ifr = {.ifr_data = (void *)&channels};
	int rc = netdev_ioctl(ifname, SIOCETHTOOL, &ifr);

	if (rc == 0)
		*ret_channels = channels;
	return rc;
}

unsigned int netdev_channels(const char *ifname)
{
	struct ethtool_channels channels = {0};

	if (get_channels(ifname, &channels) < 0 || channels.combined_count == 0)
		return 1;
	return channels.combined_count;
}

int netdev_limit_channels(const char *ifname, unsigned int queues, unsigned int *ret_channels)
{
	struct ethtool_channels channels = {0};
	struct ifreq ifr = {.ifr_data = (void *)&channels};
	int rc = get_channels(ifname, &channels);

	*ret_channels = 1;
	if (rc < 0)
		return rc == -EOPNOTSUPP ? 0 : rc;
	*ret_channels = channels.combined_count + channels.rx_count;
	if (*ret_channels <= queues)
		return 0;
	/* Queues are numbered over both sorts; a driver has the one or the other. */
	if (channels.combined_count > queues)
		channels.combined_count = queues;
	if (channels.rx_count > queues - channels.combined_count)
		channels.rx_count = queues - channels.combined_count;
	channels.cmd = ETHTOOL_SCHANNELS;
	return netdev_ioctl(ifname, SIOCETHTOOL, &ifr);
}

bool netdev_may_configure(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};
	const uint32_t wanted = 1u << CAP_NET_ADMIN | 1u << CAP_NET_RAW;

	if (syscall(SYS_capget, &header, data) < 0)
		return false;
	return (data[0].effective & wanted) == wanted;
}
