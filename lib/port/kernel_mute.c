/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * af_packet only: the netdev still belongs to the kernel, which sees each frame as well and would
 * answer (ARP, RST, ICMP) or forward it. Packet sockets are served before tc's ingress hook, so a
 * program there that drops everything leaves the frames to nvad alone. What the kernel itself would
 * send (router solicitations, MLD) is ended by taking IPv6 off the device.
 * All of it goes with kernel_netdev_free, or with the next start after a crash.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/log.h"
#include "port/port_priv.h"

/* The filter's place among others on the device; fixed, so that a restart replaces its own. */
#define MUTE_HANDLE 0x6e76
#define MUTE_PRIORITY 1

struct kernel_netdev {
	char ifname[16];
	int ifindex;
	int packet_fd; /* holds the all-multicast membership */
	bool hook_is_ours, attached, ipv6_was_on;
};

static int load_drop_program(void)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = TC_ACT_SHOT},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "nvad_mute", "Dual BSD/GPL", insns,
		RTE_DIM(insns), NULL);

	return fd < 0 ? -errno : fd;
}

static int attach_drop(struct kernel_netdev *n)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = n->ifindex, .attach_point = BPF_TC_INGRESS);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .handle = MUTE_HANDLE, .priority = MUTE_PRIORITY,
		.flags = BPF_TC_F_REPLACE);
	int rc = bpf_tc_hook_create(&hook);

	if (rc < 0 && rc != -EEXIST)
		return rc;
	n->hook_is_ours = rc == 0;
	opts.prog_fd = load_drop_program();
	if (opts.prog_fd < 0)
		return opts.prog_fd;
	rc = bpf_tc_attach(&hook, &opts);
	close(opts.prog_fd);
	n->attached = rc == 0;
	return rc;
}

/* Returns the former value (0, 1), or -errno. */
static int set_disable_ipv6(const char *ifname, char value)
{
	char path[96], was = '1';
	int fd, rc = 0;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", ifname);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (read(fd, &was, 1) != 1 || pwrite(fd, &value, 1, 0) != 1)
		rc = -errno;
	close(fd);
	return rc < 0 ? rc : was == '1';
}

/* Neighbour discovery arrives by multicast groups that the kernel has not joined for us. */
static int join_all_multicast(int ifindex)
{
	struct packet_mreq mreq = {.mr_ifindex = ifindex, .mr_type = PACKET_MR_ALLMULTI};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &mreq, sizeof(mreq)) < 0) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	return fd;
}

struct kernel_netdev *kernel_netdev_mute(const char *ifname, char *err, size_t err_len)
{
	struct kernel_netdev *n = calloc(1, sizeof(*n));
	int rc;

	if (n == NULL)
		return NULL;
	snprintf(n->ifname, sizeof(n->ifname), "%s", ifname);
	n->ifindex = netdev_index(ifname);
	n->packet_fd = join_all_multicast(n->ifindex);
	if (n->packet_fd < 0)
		log_warning("port", "%s: multicast (IPv6 neighbour discovery) may not arrive: %s", ifname,
			strerror(-n->packet_fd));

	rc = attach_drop(n);
	if (rc < 0) {
		port_fail(err, err_len, -rc,
			"cannot keep the kernel's own stack off %s (tc ingress, cls_bpf): %s; the "
			"kernel needs CONFIG_NET_CLS_BPF and CONFIG_NET_SCH_INGRESS, nvad CAP_NET_ADMIN "
			"and CAP_BPF", ifname, strerror(-rc));
		kernel_netdev_free(n);
		errno = -rc;
		return NULL;
	}
	rc = set_disable_ipv6(ifname, '1');
	n->ipv6_was_on = rc == 0;
	if (rc < 0 && rc != -ENOENT)
		log_warning("port", "%s: cannot take the kernel's IPv6 off it (%s): it will send "
			"router solicitations of its own", ifname, strerror(-rc));
	return n;
}

void kernel_netdev_free(struct kernel_netdev *n)
{
	if (n == NULL)
		return;
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = n->ifindex, .attach_point = BPF_TC_INGRESS);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .handle = MUTE_HANDLE, .priority = MUTE_PRIORITY);

	if (n->attached)
		bpf_tc_detach(&hook, &opts);
	if (n->hook_is_ours) {
		/* Both points: libbpf then removes the clsact qdisc that it made. */
		hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
		bpf_tc_hook_destroy(&hook);
	}
	if (n->ipv6_was_on)
		set_disable_ipv6(n->ifname, '0');
	if (n->packet_fd >= 0)
		close(n->packet_fd);
	free(n);
}
