/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening ports that need no privilege (null, ring, pcap), and refusals. EAL without huge pages. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_mbuf.h>

#include "port/port.h"

static struct rte_mempool *pool;
static char err[512];

static struct config_port port_of(const char *name, enum config_device_kind kind)
{
	struct config_port p = {.device = {.kind = kind}, .mtu_bytes = 1500};

	snprintf(p.name, sizeof(p.name), "%s", name);
	return p;
}

static int setup(void **state)
{
	struct config c = {.system = {.workers = 1, .memory_mb = 64, .huge_pages = CONFIG_HUGE_NO}};

	(void)state;
	if (port_eal_init(&c, "test", err, sizeof(err)) < 0) {
		print_error("%s\n", err);
		return -1;
	}
	pool = rte_pktmbuf_pool_create("test", 4095, 0, 0, port_data_room(&c), SOCKET_ID_ANY);
	return pool != NULL ? 0 : -1;
}

static void expect_refused(const struct config_port *p, int code, const char *text)
{
	err[0] = '\0';
	assert_null(port_open(p, 1, pool, err, sizeof(err)));
	assert_int_equal(errno, code);
	if (strstr(err, text) == NULL)
		fail_msg("'%s' is not in '%s'", text, err);
}

static void test_null(void **state)
{
	struct config_port conf = port_of("a", CONFIG_DEVICE_NULL);
	struct port *p = port_open(&conf, 2, pool, err, sizeof(err));
	struct port_stats before, after;
	struct rte_mbuf *m[32];

	(void)state;
	assert_non_null(p);
	assert_string_equal(p->name, "a");
	assert_int_equal(p->queues, 2);
	assert_true(p->link_up);
	assert_ptr_equal(port_by_id(p->id), p);
	assert_ptr_equal(port_by_name("a"), p);
	assert_null(port_by_name("b"));
	assert_int_equal(port_get_stats(p, &before), 0);
	assert_int_equal(rte_eth_rx_burst(p->id, 1, m, 32), 32);
	assert_int_equal(rte_eth_tx_burst(p->id, 0, m, 32), 32);
	assert_int_equal(port_get_stats(p, &after), 0);
	assert_int_equal(after.rx_packets - before.rx_packets, 32);
	assert_int_equal(after.tx_packets - before.tx_packets, 32);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
	port_close(p);
	assert_null(port_by_name("a"));
}

static void test_iteration_and_reopening(void **state)
{
	struct config_port a = port_of("a", CONFIG_DEVICE_NULL), b = port_of("b", CONFIG_DEVICE_RING);
	struct port *pa = port_open(&a, 1, pool, err, sizeof(err));
	struct port *pb = port_open(&b, 1, pool, err, sizeof(err));

	(void)state;
	assert_non_null(pa);
	assert_non_null(pb);
	assert_ptr_equal(port_next(NULL), pa);
	assert_ptr_equal(port_next(pa), pb);
	assert_null(port_next(pb));
	expect_refused(&a, EEXIST, "already");
	port_close(pa);
	assert_ptr_equal(port_next(NULL), pb);
	pa = port_open(&a, 1, pool, err, sizeof(err));
	assert_non_null(pa);
	port_close(pa);
	port_close(pb);
	port_close(NULL);
	assert_null(port_next(NULL));
}

static void test_ring_loops(void **state)
{
	struct config_port conf = port_of("loop", CONFIG_DEVICE_RING);
	struct port *p = port_open(&conf, 1, pool, err, sizeof(err));
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool), *back[4];

	(void)state;
	assert_non_null(p);
	assert_non_null(rte_pktmbuf_append(m, 64));
	assert_int_equal(rte_eth_tx_burst(p->id, 0, &m, 1), 1);
	assert_int_equal(rte_eth_rx_burst(p->id, 0, back, 4), 1);
	assert_ptr_equal(back[0], m);
	rte_pktmbuf_free(m);
	port_close(p);
}

static void test_pcap(void **state)
{
	struct config_port in = port_of("in", CONFIG_DEVICE_PCAP), out = port_of("out", CONFIG_DEVICE_PCAP);
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool), *back[4];
	char path[] = "/tmp/nvad-pcap-XXXXXX";
	struct port *p;
	char *data;

	(void)state;
	close(mkstemp(path));
	snprintf(out.device.tx_file, sizeof(out.device.tx_file), "%s", path);
	snprintf(in.device.rx_file, sizeof(in.device.rx_file), "%s", path);
	p = port_open(&out, 1, pool, err, sizeof(err));
	assert_non_null(p);
	data = rte_pktmbuf_append(m, 100);
	memset(data, 0x5a, 100);
	assert_int_equal(rte_eth_tx_burst(p->id, 0, &m, 1), 1);
	port_close(p);

	p = port_open(&in, 4, pool, err, sizeof(err));
	assert_non_null(p);
	assert_int_equal(p->queues, 1);
	assert_int_equal(rte_eth_rx_burst(p->id, 0, back, 4), 1);
	assert_int_equal(rte_pktmbuf_pkt_len(back[0]), 100);
	assert_int_equal(rte_pktmbuf_mtod(back[0], uint8_t *)[99], 0x5a);
	rte_pktmbuf_free(back[0]);
	port_close(p);
	unlink(path);
	expect_refused(&in, ENOENT, "nvad-pcap");
}

static void test_refusals(void **state)
{
	struct config_port p = port_of("x", CONFIG_DEVICE_NULL);

	(void)state;
	p.mtu_bytes = 9000;
	expect_refused(&p, EMSGSIZE, "9000");
	p = port_of("x", CONFIG_DEVICE_NULL);
	strcpy(p.device.devargs, "nonsense=1");
	expect_refused(&p, EIO, "nonsense=1");
	p = port_of("x", CONFIG_DEVICE_PCI);
	p.device.has_mac = true;
	expect_refused(&p, ENODEV, "MAC");
	p = port_of("x", CONFIG_DEVICE_AF_PACKET);
	strcpy(p.device.interface, "p-none");
	if (geteuid() == 0)
		expect_refused(&p, ENODEV, "p-none");
	else
		expect_refused(&p, EPERM, "CAP_NET_ADMIN");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_null), cmocka_unit_test(test_iteration_and_reopening),
		cmocka_unit_test(test_ring_loops), cmocka_unit_test(test_pcap),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests_name("port_open", tests, setup, NULL);
}
