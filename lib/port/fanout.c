/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * af_packet only: its driver joins a fanout group and asks the kernel to put IPv4 fragments together
 * first (PACKET_FANOUT_FLAG_DEFRAG), whether or not there are queues to spread over. A router must
 * forward fragments as they are (RFC 1812 4.2.2.7), and the whole packet does not fit the driver's
 * frames: it is lost. The driver has no argument for it, so its call is corrected on its way: this
 * setsockopt comes before libc's for all libraries of the process.
 */
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "port/port_priv.h"

static bool corrected;

__attribute__((visibility("default"))) int setsockopt(int fd, int level, int name, const void *value,
	socklen_t len)
{
	uint32_t fanout; /* group id; type and flags in the upper half */

	if (level == SOL_PACKET && name == PACKET_FANOUT && len == sizeof(fanout)) {
		memcpy(&fanout, value, sizeof(fanout));
		fanout &= ~((uint32_t)PACKET_FANOUT_FLAG_DEFRAG << 16);
		corrected = true;
		return (int)syscall(SYS_setsockopt, fd, level, name, &fanout, len);
	}
	return (int)syscall(SYS_setsockopt, fd, level, name, value, len);
}

bool port_fanout_corrected(void)
{
	return corrected;
}
