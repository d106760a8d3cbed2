/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A hash of the flow that a packet belongs to, for ECMP: the same in both directions, so that a
 * stateful box behind either path sees the whole of a connection. Ports count for unfragmented TCP,
 * UDP and SCTP; a fragment goes by addresses and protocol, so that all of them take one path.
 */
#ifndef PACKET_FLOW_HASH_H
#define PACKET_FLOW_HASH_H

#include <stdint.h>

#include <rte_mbuf.h>

/* Validated packets only (ip4_input_burst, ip6_input_burst). All 32 bits are well mixed. */
uint32_t flow_hash_v4(const struct rte_mbuf *m);
uint32_t flow_hash_v6(const struct rte_mbuf *m);

#endif
