/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * af_packet only: its driver joins a fanout group and asks the kernel to put IPv4 fragments together
 * first (PACKET_FANOUT_FLAG_DEFRAG), whether or not there are queues to spread over. A router must
 * forward fragments as they are (RFC 1812 4.2.2.7), and the whole packet does not fit the driver's
 * frames: it is lost. The driver has no argument for it, so its call is corrected on its way: this
 * setsockopt comes before libc's for all libraries of the process. Control thread.
 *
 * It also tells us the driver's sockets, whose overruns the driver does not count (before 23.03).
 */
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "port/port_priv.h"

static int joined[PORT_PACKET_SOCKETS];
static unsigned int n_joined;

static int kernel_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	return (int)syscall(SYS_setsockopt, fd, level, name, value, len);
}

__attribute__((visibility("default"))) int setsockopt(int fd, int level, int name, const void *value,
	socklen_t len)
{
	uint32_t fanout; /* group id; type and flags in the upper half */
	int rc;

	if (level != SOL_PACKET || name != PACKET_FANOUT || len != sizeof(fanout))
		return kernel_setsockopt(fd, level, name, value, len);
	memcpy(&fanout, value, sizeof(fanout));
	fanout &= ~((uint32_t)PACKET_FANOUT_FLAG_DEFRAG << 16);
	rc = kernel_setsockopt(fd, level, name, &fanout, len);
	if (rc == 0 && n_joined < PORT_PACKET_SOCKETS)
		joined[n_joined++] = fd;
	return rc;
}

unsigned int port_packet_sockets(int ret_fds[PORT_PACKET_SOCKETS])
{
	unsigned int n = n_joined;

	memcpy(ret_fds, joined, n * sizeof(joined[0]));
	n_joined = 0;
	return n;
}

uint64_t port_packet_overruns(const int *fds, unsigned int n)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct tpacket_stats s = {0}; /* since the last time it was asked */
		socklen_t len = sizeof(s);

		if (getsockopt(fds[i], SOL_PACKET, PACKET_STATISTICS, &s, &len) == 0)
			sum += s.tp_drops;
	}
	return sum;
}
