/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/meta.h"

#include <errno.h>
#include <rte_errno.h>

int pkt_meta_register(void)
{
	static const struct rte_mbuf_dynfield field = {
		.name = "nvad_pkt_meta",
		.size = sizeof(struct pkt_meta),
		.align = __alignof__(struct pkt_meta),
	};
	int offset = rte_mbuf_dynfield_register_offset(&field, PKT_META_OFFSET);

	return offset >= 0 ? 0 : -rte_errno;
}
