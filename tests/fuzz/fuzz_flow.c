/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets behind their IP validation into what tracking reads of them: keys, TCP headers, fragments.
 * The input is a row of packets, each with a byte of length; they meet one reassembly, and one TCP
 * session with windows.
 */
#include <stdlib.h>
#include <string.h>

#include "flow/reass.h"
#include "flow/state.h"
#include "packet/eth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PACKETS 32

static struct frame {
	struct rte_mbuf m;
	uint8_t *bytes; /* its own allocation, to the byte, for the address sanitizer */
	bool held;
} frames[PACKETS];

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* As ip4_input and ip6_input leave it. */
static bool frame_make(struct frame *f, const uint8_t *ip, size_t len)
{
	bool v4 = len > 0 && ip[0] >> 4 == 4;
	size_t header = v4 ? (ip[0] & 15) * 4 : 40;

	if (len < 20 || (v4 && header < 20) || len < header || (!v4 && ip[0] >> 4 != 6))
		return false;
	f->bytes = malloc(PKT_L2_LEN + len);
	memset(f->bytes, 0, PKT_L2_LEN);
	memcpy(f->bytes + PKT_L2_LEN, ip, len);
	if (v4) {
		f->bytes[PKT_L2_LEN + 2] = len >> 8;
		f->bytes[PKT_L2_LEN + 3] = len;
	} else {
		f->bytes[PKT_L2_LEN + 4] = (len - 40) >> 8;
		f->bytes[PKT_L2_LEN + 5] = len - 40;
	}
	memset(&f->m, 0, sizeof(f->m));
	f->m.buf_addr = f->bytes;
	f->m.data_len = f->m.pkt_len = PKT_L2_LEN + len;
	f->m.nb_segs = 1;
	f->held = false;
	return true;
}

static void fragment(struct reass *r, struct frame *f, struct flow_tuple *tuple)
{
	struct rte_mbuf *back[4];
	rte_be16_t ports[2];
	uint8_t reason;
	unsigned int n;

	f->held = reass_input(r, &f->m, tuple, 0, ports, &reason) == REASS_HELD;
	while ((n = reass_released(r, back, 4)) > 0) {
		for (unsigned int i = 0; i < n; i++) {
			struct frame *b = (struct frame *)back[i];

			require(b->held);
			b->held = false;
			require(reass_input(r, &b->m, tuple, 0, ports, &reason) != REASS_HELD);
		}
	}
}

static void packet(struct reass *r, struct frame *f, struct flow_record *record, struct flow_window *w)
{
	bool v4 = f->bytes[PKT_L2_LEN] >> 4 == 4, earlier;
	struct flow_tuple tuple;
	enum flow_packet kind;
	struct flow_key4 k4;
	struct flow_key6 k6;
	struct flow_tcp tcp;
	struct flow_l4 l4;

	if (v4) {
		kind = flow_key4_of(&f->m, &k4, &l4);
		tuple = flow_tuple_of_key4(&k4);
	} else {
		kind = flow_key6_of(&f->m, &k6, &l4);
		tuple = flow_tuple_of_key6(&k6);
	}
	if (kind == FLOW_PACKET_FRAGMENT)
		fragment(r, f, &tuple);
	else if (kind == FLOW_PACKET_PLAIN && l4.proto == 6 &&
		 flow_tcp_parse(&f->m, l4.offset, &tcp) == 0)
		flow_tcp_step(record, tcp.window & 1, &tcp, w, 0, &earlier);
	require(record->side[0].state == record->side[1].state && record->side[0].state < FLOW_STATE_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t secret[16];
	struct reass *r = reass_new(secret);
	struct flow_record record = {0};
	struct flow_window window = {0};
	struct rte_mbuf *m[PACKETS];
	unsigned int n = 0;

	record.side[0].state = record.side[1].state = FLOW_TCP_SYN;
	for (unsigned int i = 0; i < PACKETS; i++)
		frames[i].bytes = NULL;
	while (size > 1 && n < PACKETS) {
		size_t len = data[0] < size - 1 ? data[0] : size - 1;

		if (frame_make(&frames[n], data + 1, len)) {
			packet(r, &frames[n], &record, &window);
			n++;
		}
		data += 1 + len;
		size -= 1 + len;
	}
	reass_expired(r, REASS_TIMEOUT_MS, m, PACKETS);
	require(reass_held(r) == 0);
	reass_free(r);
	for (unsigned int i = 0; i < n; i++)
		free(frames[i].bytes);
	return 0;
}
