/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The forwarder's own cost: cycles (TSC ticks) per 64-byte packet over the whole walk, rx and tx
 * included, in this process on one core. The port is a null device whose rx copies frames from a
 * shuffled table of a million, as a NIC would deliver them, and whose tx frees them. The baseline is
 * the same rig with a graph of rx and tx alone, its windows between those of the case.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ip.h>
#include <rte_malloc.h>

#include "packet/checksum.h"
#include "packet/eth.h"
#include "packet/ip6_hdr.h"
#include "prefixes.h"
#include "rig.h"

#define FRAMES (1u << 20)
#define NEIGHBOURS 16

static void frame_fill(struct rig_frame *f, const struct port *port, const struct ip_addr *dst,
	uint64_t *state)
{
	struct rte_ether_hdr *eth = (void *)f->bytes;
	uint16_t l3_len = RIG_FRAME_LEN - PKT_L2_LEN;

	memset(f, 0, sizeof(*f));
	eth->dst_addr = port->mac;
	eth->src_addr.addr_bytes[0] = 2;
	if (dst->family == IP_V4) {
		struct rte_ipv4_hdr *ip = (void *)(eth + 1);

		eth->ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4);
		ip->version_ihl = RTE_IPV4_VHL_DEF;
		ip->total_length = rte_cpu_to_be_16(l3_len);
		ip->time_to_live = 64;
		ip->next_proto_id = IPPROTO_UDP;
		ip->src_addr = rte_cpu_to_be_32(0x0a000000 | (prefixes_random(state) & 0xffffff));
		ip->dst_addr = ip_addr_be32(dst);
		ip->hdr_checksum = ~checksum_fold(checksum_add(0, ip, sizeof(*ip)));
	} else {
		struct pkt_ip6_hdr *ip = (void *)(eth + 1);

		eth->ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV6);
		ip->vtc_flow = RTE_BE32(0x60000000);
		ip->payload_len = rte_cpu_to_be_16(l3_len - sizeof(*ip));
		ip->hop_limits = 64;
		ip->proto = IPPROTO_UDP;
		memcpy(ip->src_addr, (uint8_t[]){0x20, 1, 0xd, 0xb8, 15}, 5);
		memcpy(ip->dst_addr, dst->bytes, sizeof(ip->dst_addr));
	}
}

/* A million frames to random hosts of random prefixes. */
static struct rig_frame *frames_new(const struct rig *rig, const struct prefixes *list)
{
	struct rig_frame *frames = rig_frames_new(rig, FRAMES);
	struct ip_addr *dst = malloc(FRAMES * sizeof(*dst));
	uint64_t state = 1;

	if (dst == NULL)
		rig_die(rig, "no memory for the destinations");
	prefixes_draw(list, 1, dst, FRAMES);
	for (uint32_t i = 0; i < FRAMES; i++)
		frame_fill(&frames[i], rig->port, &dst[i], &state);
	free(dst);
	return frames;
}

/* Martian prefixes of the real list would measure the drop node. */
static void keep_routable(struct prefixes *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++) {
		uint8_t o = list->p[i].addr.bytes[0];
		bool ok = list->p[i].addr.family == IP_V4 ? o != 0 && o != 127 && o < 224 :
							    o != 0 && o < 0xfe;

		if (ok)
			list->p[kept++] = list->p[i];
	}
	list->n = kept;
}

static struct fib *fib_of(const struct rig *rig, const struct prefixes lists[2], const uint32_t *nh)
{
	struct fib_conf conf = {.max_v4_groups = 65536};
	struct fib *fib = fib_new(&conf);
	int ret;

	if (fib == NULL)
		rig_die(rig, "no memory for the table");
	for (unsigned int v = 0; v < 2; v++)
		for (size_t i = 0; i < lists[v].n; i++) {
			ret = fib_add(fib, &lists[v].p[i], nh[i % NEIGHBOURS]);
			if (ret != 0)
				rig_die(rig, "a route was refused: %s", strerror(-ret));
		}
	return fib;
}

static void case_run(struct rig *rig, const char *name, struct worker *walk, struct worker *empty,
	struct fib *fib, const struct prefixes *list)
{
	struct rig_frame *frames;

	if (!rig_wants(rig, name))
		return;
	frames = frames_new(rig, list);
	walk->fib = fib;
	rig_deliver(frames, FRAMES, false);
	rig_case(rig, name, walk, empty);
	rte_free(frames);
}

static void run(struct rig *rig, const char *data)
{
	static const char *const names[2][2] = {{"v4-1route", "v4-full"}, {"v6-1route", "v6-full"}};
	struct ip_prefix one_v4, one_v6;
	struct prefixes one[2] = {{&one_v4, 1}, {&one_v6, 1}}, all[2];
	struct fib *fib_one, *fib_full;
	struct worker *walk, *empty;
	uint32_t nh[NEIGHBOURS];

	prefixes_load(data, &all[0], &all[1]);
	keep_routable(&all[0]);
	keep_routable(&all[1]);
	ip_prefix_parse("198.18.0.0/16", &one_v4);
	ip_prefix_parse("2001:db8::/32", &one_v6);
	for (unsigned int i = 0; i < NEIGHBOURS; i++)
		nh[i] = rig_neighbour(rig, i);
	fib_one = fib_of(rig, one, nh);
	fib_full = fib_of(rig, all, nh);
	rig->conf.fib = fib_one;
	walk = rig_walk_new(rig, "walk", NULL);
	empty = rig_empty_new(rig);
	report_note(rig->report, "%u-byte frames, %u destinations, vectors of %u, %zu + %zu routes, "
		"windows of %u ms, %s pages; cycles are TSC ticks at %lu MHz; baseline: rx to tx",
		RIG_FRAME_LEN, FRAMES, GRAPH_RX_BURST, all[0].n, all[1].n, rig->ms,
		rte_eal_has_hugepages() ? "huge" : "4 KiB",
		(unsigned long)(rte_get_tsc_hz() / 1000000));

	for (unsigned int v = 0; v < 2; v++) {
		case_run(rig, names[v][0], walk, empty, fib_one, &one[v]);
		case_run(rig, names[v][1], walk, empty, fib_full, &all[v]);
	}

	worker_free(walk);
	worker_free(empty);
	free(all[0].p);
	free(all[1].p);
	fib_free(fib_one);
	fib_free(fib_full);
}

int main(int argc, char **argv)
{
	const char *data = NULL;
	struct rig rig;

	rig_open(&rig, "forward", argc, argv, 512, &data);
	run(&rig, data);
	rig_close(&rig);
	return 0;
}
