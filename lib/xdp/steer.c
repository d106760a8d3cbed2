/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control thread's side of the XDP program. The driver loads and attaches it, from a memory file
 * that holds the object built from bpf/steer.bpf.c; so the maps are found by way of the program that
 * is on the device. Nothing is pinned: no bpffs is needed, and the maps go with the program.
 */
#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "xdp/xdp.h"
#include "xdp_object.h"

/* As in bpf/steer.bpf.c. */
#define PROGRAM_NAME "nvad_steer"
#define MAPS_MAX 16

struct xdp_steer {
	int ifindex;
	uint32_t prog_id;
	int addrs_fd, off_fd, counters_fd, nat_fd;
};

static const char *const class_names[XDP_CLASS_MAX] = {
	[XDP_CLASS_BGP] = "bgp",
	[XDP_CLASS_SSH] = "ssh",
	[XDP_CLASS_IKE] = "ike",
	[XDP_CLASS_ICMP] = "icmp",
	[XDP_CLASS_LOCAL] = "local",
	[XDP_CLASS_NEIGH] = "neighbour",
	[XDP_CLASS_AZURE] = "azure",
	[XDP_CLASS_TRANSIT] = "transit",
	[XDP_CLASS_NAT] = "nat",
	[XDP_CLASS_MALFORMED] = "malformed",
};

const char *xdp_class_name(enum xdp_class class)
{
	return (unsigned int)class < XDP_CLASS_MAX ? class_names[class] : "?";
}

static int fail(char *err, size_t err_len, int code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static int fail(char *err, size_t err_len, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, err_len, fmt, ap);
	va_end(ap);
	return -code;
}

const char *xdp_steer_path(void)
{
	static char path[32];
	int fd;

	if (path[0] != '\0')
		return path;
	fd = memfd_create("nvad_steer", MFD_CLOEXEC);
	if (fd < 0)
		return NULL;
	if (write(fd, xdp_object, sizeof(xdp_object)) != (ssize_t)sizeof(xdp_object)) {
		close(fd);
		errno = ENOSPC;
		return NULL;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

/* The program on a device: its id (0: none) and what it is. */
static int query(int ifindex, uint32_t *ret_id, struct bpf_prog_info *ret_info, uint32_t *map_ids,
	uint32_t n_map_ids)
{
	uint32_t len = sizeof(*ret_info), id = 0;
	int fd, rc = bpf_xdp_query_id(ifindex, 0, &id);

	*ret_info = (struct bpf_prog_info){0};
	*ret_id = id;
	if (rc < 0 || id == 0)
		return rc;
	fd = bpf_prog_get_fd_by_id(id);
	if (fd < 0)
		return -errno;
	ret_info->map_ids = (uintptr_t)map_ids;
	ret_info->nr_map_ids = n_map_ids;
	rc = bpf_obj_get_info_by_fd(fd, ret_info, &len) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

int xdp_steer_prepare(const char *ifname, char *err, size_t err_len)
{
	int ifindex = if_nametoindex(ifname), rc;
	struct bpf_prog_info info;
	uint32_t id;

	if (ifindex == 0)
		return fail(err, err_len, ENODEV, "there is no interface %s", ifname);
	rc = query(ifindex, &id, &info, NULL, 0);
	if (rc < 0)
		return fail(err, err_len, -rc,
			"cannot ask the kernel for the XDP program on %s: %s; nvad needs CAP_NET_ADMIN "
			"and CAP_BPF", ifname, strerror(-rc));
	if (id == 0)
		return 0;
	if (strcmp(info.name, PROGRAM_NAME) != 0)
		return fail(err, err_len, EBUSY,
			"%s has the XDP program %s (id %u) of somebody else; take it off (ip link set dev "
			"%s xdp off) or use kind af_packet", ifname, info.name, id, ifname);
	rc = bpf_xdp_detach(ifindex, 0, NULL);
	if (rc < 0)
		return fail(err, err_len, -rc,
			"cannot take the XDP program of an earlier nvad off %s: %s", ifname, strerror(-rc));
	return 0;
}

/* The fd of the map of that name among the program's, or -errno. */
static int map_by_name(const uint32_t *ids, uint32_t n, const char *name)
{
	for (uint32_t i = 0; i < n; i++) {
		int fd = bpf_map_get_fd_by_id(ids[i]);
		struct bpf_map_info info = {0};
		uint32_t len = sizeof(info);

		if (fd < 0)
			return -errno;
		if (bpf_obj_get_info_by_fd(fd, &info, &len) == 0 && strcmp(info.name, name) == 0)
			return fd;
		close(fd);
	}
	return -ENOENT;
}

static void close_maps(struct xdp_steer *s)
{
	const int fds[] = {s->addrs_fd, s->off_fd, s->counters_fd, s->nat_fd};

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
}

static int open_maps(struct xdp_steer *s)
{
	uint32_t ids[MAPS_MAX];
	struct bpf_prog_info info;
	int rc = query(s->ifindex, &s->prog_id, &info, ids, MAPS_MAX);

	if (rc < 0)
		return rc;
	if (s->prog_id == 0 || strcmp(info.name, PROGRAM_NAME) != 0 || info.nr_map_ids > MAPS_MAX)
		return -ENOENT;
	s->addrs_fd = map_by_name(ids, info.nr_map_ids, "nvad_addrs");
	s->off_fd = map_by_name(ids, info.nr_map_ids, "nvad_off");
	s->counters_fd = map_by_name(ids, info.nr_map_ids, "nvad_counters");
	s->nat_fd = map_by_name(ids, info.nr_map_ids, "nvad_nat");
	if (s->addrs_fd < 0)
		return s->addrs_fd;
	if (s->off_fd < 0)
		return s->off_fd;
	if (s->nat_fd < 0)
		return s->nat_fd;
	return s->counters_fd < 0 ? s->counters_fd : 0;
}

struct xdp_steer *xdp_steer_open(const char *ifname, char *err, size_t err_len)
{
	struct xdp_steer *s = calloc(1, sizeof(*s));
	int rc;

	if (s == NULL)
		return NULL;
	s->ifindex = if_nametoindex(ifname);
	s->addrs_fd = s->off_fd = s->counters_fd = s->nat_fd = -1;
	rc = s->ifindex == 0 ? -ENODEV : open_maps(s);
	if (rc < 0) {
		fail(err, err_len, -rc, "%s: the XDP program nvad_steer and its maps are not there: %s; "
			"DPDK's own message is above", ifname, strerror(-rc));
		close_maps(s);
		free(s);
		errno = -rc;
		return NULL;
	}
	return s;
}

void xdp_steer_close(struct xdp_steer *s)
{
	uint32_t id;

	if (s == NULL)
		return;
	if (bpf_xdp_query_id(s->ifindex, 0, &id) == 0 && id == s->prog_id)
		bpf_xdp_detach(s->ifindex, 0, NULL);
	close_maps(s);
	free(s);
}

static struct xdp_addr_key key_of(const struct ip_addr *addr)
{
	struct xdp_addr_key key = {0};

	if (addr->family == IP_V4) {
		key.words[2] = rte_cpu_to_be_32(0xffff);
		memcpy(&key.words[3], addr->bytes, 4);
	} else {
		memcpy(&key, addr->bytes, sizeof(key));
	}
	return key;
}

int xdp_steer_add_address(struct xdp_steer *s, const struct ip_addr *addr, uint32_t kernel_classes)
{
	struct xdp_addr_key key = key_of(addr);

	if (addr->family == IP_NONE)
		return -EINVAL;
	return bpf_map_update_elem(s->addrs_fd, &key, &kernel_classes, BPF_ANY) < 0 ? -errno : 0;
}

int xdp_steer_del_address(struct xdp_steer *s, const struct ip_addr *addr)
{
	struct xdp_addr_key key = key_of(addr);

	return bpf_map_delete_elem(s->addrs_fd, &key) < 0 ? -errno : 0;
}

int xdp_steer_set_nat(struct xdp_steer *s, const struct ip_addr *addr,
	const struct xdp_nat_ports *ports)
{
	struct xdp_addr_key key = key_of(addr);

	if (ports != NULL)
		return bpf_map_update_elem(s->nat_fd, &key, ports, BPF_ANY) < 0 ? -errno : 0;
	return bpf_map_delete_elem(s->nat_fd, &key) < 0 && errno != ENOENT ? -errno : 0;
}

int xdp_steer_set_class(struct xdp_steer *s, enum xdp_class class, bool enabled)
{
	uint32_t zero = 0, off;

	if ((unsigned int)class >= XDP_CLASS_TRANSIT)
		return -EINVAL;
	if (bpf_map_lookup_elem(s->off_fd, &zero, &off) < 0)
		return -errno;
	off = enabled ? off & ~(1u << class) : off | 1u << class;
	return bpf_map_update_elem(s->off_fd, &zero, &off, BPF_ANY) < 0 ? -errno : 0;
}

int xdp_steer_counters(const struct xdp_steer *s, enum xdp_class class,
	struct xdp_class_counters *ret_counters)
{
	struct xdp_class_counters sum = {0}, *values;
	int cpus = libbpf_num_possible_cpus(), rc = 0;
	uint32_t key = class;

	if (cpus < 0)
		return cpus;
	values = calloc(cpus, sizeof(*values));
	if (values == NULL)
		return -ENOMEM;
	if (bpf_map_lookup_elem(s->counters_fd, &key, values) < 0)
		rc = -errno;
	for (int i = 0; rc == 0 && i < cpus; i++) {
		sum.kernel_packets += values[i].kernel_packets;
		sum.kernel_bytes += values[i].kernel_bytes;
		sum.socket_packets += values[i].socket_packets;
		sum.socket_bytes += values[i].socket_bytes;
		sum.lost_packets += values[i].lost_packets;
		sum.lost_bytes += values[i].lost_bytes;
	}
	free(values);
	if (rc == 0)
		*ret_counters = sum;
	return rc;
}
