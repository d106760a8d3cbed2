/* SPDX-License-Identifier: BSD-3-Clause */
/* From the configuration to DPDK's arguments; and EAL's own. No privilege, no EAL. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "port/port_priv.h"

static char err[512];

static struct config_port port_of(enum config_device_kind kind)
{
	struct config_port p = {.name = "wan", .device = {.kind = kind}, .mtu_bytes = 1500};

	return p;
}

static void expect(const struct config_port *p, uint16_t queues, const char *prog, const char *name,
	const char *args)
{
	struct port_device dev;

	assert_int_equal(port_device_build(p, queues, prog, &dev, err, sizeof(err)), 0);
	assert_string_equal(dev.name, name);
	assert_string_equal(dev.args, args);
}

static void expect_error(const struct config_port *p, const char *text)
{
	struct port_device dev;

	err[0] = '\0';
	assert_int_equal(port_device_build(p, 1, NULL, &dev, err, sizeof(err)), -EINVAL);
	if (strstr(err, text) == NULL)
		fail_msg("'%s' is not in '%s'", text, err);
	assert_non_null(strstr(err, "wan"));
}

static void test_virtual(void **state)
{
	struct config_port p = port_of(CONFIG_DEVICE_TAP);

	(void)state;
	strcpy(p.device.interface, "tap0");
	expect(&p, 2, NULL, "net_tap_wan", "iface=tap0");
	p.device.has_mac = true;
	memcpy(&p.device.mac, "\x02\x00\x00\x00\x00\x1a", 6);
	expect(&p, 2, NULL, "net_tap_wan", "iface=tap0,mac=02:00:00:00:00:1A");
	p.device.has_mac = false;
	strcpy(p.device.devargs, "mac=fixed");
	expect(&p, 2, NULL, "net_tap_wan", "iface=tap0,mac=fixed");

	p = port_of(CONFIG_DEVICE_AF_PACKET);
	strcpy(p.device.interface, "eth0");
	expect(&p, 2, NULL, "net_af_packet_wan", "iface=eth0,qpairs=2,framecnt=2048");
	p.mtu_bytes = 3900;
	expect(&p, 1, NULL, "net_af_packet_wan", "iface=eth0,qpairs=1,blocksz=4096,framesz=4096");
	p.mtu_bytes = 9000;
	expect(&p, 1, NULL, "net_af_packet_wan", "iface=eth0,qpairs=1,blocksz=16384,framesz=16384");

	p = port_of(CONFIG_DEVICE_AF_XDP);
	strcpy(p.device.interface, "eth0");
	expect(&p, 4, "/proc/self/fd/9", "net_af_xdp_wan",
		"iface=eth0,start_queue=0,queue_count=4,busy_budget=0,xdp_prog=/proc/self/fd/9");

	p = port_of(CONFIG_DEVICE_NULL);
	expect(&p, 1, NULL, "net_null_wan", "");
	strcpy(p.device.devargs, "size=128,copy=1");
	expect(&p, 1, NULL, "net_null_wan", "size=128,copy=1");
	p = port_of(CONFIG_DEVICE_RING);
	expect(&p, 1, NULL, "net_ring_wan", "");
}

static void test_memif_pcap(void **state)
{
	struct config_port p = port_of(CONFIG_DEVICE_MEMIF);

	(void)state;
	strcpy(p.device.socket, "/run/m.sock");
	p.device.memif_id = 7;
	expect(&p, 1, NULL, "net_memif_wan",
		"role=client,id=7,socket=/run/m.sock,socket-abstract=no");
	p.device.has_mac = true;
	memcpy(&p.device.mac, "\x02\x00\x00\x00\x00\x1a", 6);
	expect(&p, 1, NULL, "net_memif_wan",
		"role=client,id=7,socket=/run/m.sock,socket-abstract=no,mac=02:00:00:00:00:1A");
	p.device.has_mac = false;
	p.device.server = true;
	p.mtu_bytes = 9000;
	expect(&p, 1, NULL, "net_memif_wan",
		"role=server,id=7,socket=/run/m.sock,socket-abstract=no,bsize=16384");

	p = port_of(CONFIG_DEVICE_PCAP);
	strcpy(p.device.rx_file, "in.pcap");
	expect(&p, 4, NULL, "net_pcap_wan", "rx_pcap=in.pcap");
	strcpy(p.device.tx_file, "out.pcap");
	expect(&p, 1, NULL, "net_pcap_wan", "rx_pcap=in.pcap,tx_pcap=out.pcap");
}

static void test_hardware(void **state)
{
	struct config_port p = port_of(CONFIG_DEVICE_PCI);
	struct port_device dev;

	(void)state;
	strcpy(p.device.address, "0001:00:02.0");
	strcpy(p.device.devargs, "dv_flow_en=0");
	assert_int_equal(port_device_build(&p, 1, NULL, &dev, err, sizeof(err)), 0);
	assert_string_equal(dev.bus, "pci");
	assert_string_equal(dev.name, "0001:00:02.0");
	assert_string_equal(dev.args, "dv_flow_en=0");

	p = port_of(CONFIG_DEVICE_VMBUS);
	p.device.has_mac = true;
	assert_int_equal(port_device_build(&p, 1, NULL, &dev, err, sizeof(err)), 0);
	assert_string_equal(dev.bus, "vmbus");
	assert_string_equal(dev.name, "");
	strcpy(p.device.devargs, "latency=0");
	expect_error(&p, "bus address");
}

static void test_errors(void **state)
{
	struct config_port p = port_of(CONFIG_DEVICE_TAP);

	(void)state;
	expect_error(&p, "interface");
	p.device.kind = CONFIG_DEVICE_AF_XDP;
	expect_error(&p, "interface");
	p.device.kind = CONFIG_DEVICE_MEMIF;
	expect_error(&p, "socket");
	strcpy(p.device.socket, "/run/a,id=3");
	expect_error(&p, "cannot carry");
	p.device.kind = CONFIG_DEVICE_PCAP;
	expect_error(&p, "file");
	p.device.kind = CONFIG_DEVICE_PCI;
	expect_error(&p, "MAC");
	p.device.kind = 99;
	expect_error(&p, "unknown");
}

static void test_keys(void **state)
{
	struct config_port a = port_of(CONFIG_DEVICE_AF_PACKET), b = port_of(CONFIG_DEVICE_AF_XDP);
	struct port_device da, db;

	(void)state;
	strcpy(a.device.interface, "eth0");
	strcpy(b.device.interface, "eth0");
	assert_int_equal(port_device_build(&a, 1, NULL, &da, err, sizeof(err)), 0);
	assert_int_equal(port_device_build(&b, 1, NULL, &db, err, sizeof(err)), 0);
	assert_string_equal(da.key, db.key);
	strcpy(b.device.interface, "eth1");
	assert_int_equal(port_device_build(&b, 1, NULL, &db, err, sizeof(err)), 0);
	assert_string_not_equal(da.key, db.key);
}

static void test_data_room(void **state)
{
	struct config_port p[2] = {port_of(CONFIG_DEVICE_NULL), port_of(CONFIG_DEVICE_AF_PACKET)};
	struct config c = {.ports = p, .n_ports = 2};

	(void)state;
	assert_int_equal(port_data_room(&c), 2048 + RTE_PKTMBUF_HEADROOM);
	p[0].mtu_bytes = 9000;
	assert_int_equal(port_data_room(&c), 9000 + 14 + 8 + RTE_PKTMBUF_HEADROOM);
	p[1].mtu_bytes = 9000;
	assert_int_equal(port_data_room(&c), 16384 + RTE_PKTMBUF_HEADROOM);
	p[1].mtu_bytes = 65535;
	assert_int_equal(port_data_room(&c), UINT16_MAX);
}

static bool has(const struct port_eal_args *a, const char *text)
{
	for (int i = 0; i < a->argc; i++) {
		if (strcmp(a->argv[i], text) == 0)
			return true;
	}
	return false;
}

static void test_eal(void **state)
{
	struct config_port p[2] = {port_of(CONFIG_DEVICE_TAP), port_of(CONFIG_DEVICE_NULL)};
	struct config c = {.ports = p, .n_ports = 2,
		.system = {.workers = 1, .memory_mb = 512, .huge_pages = CONFIG_HUGE_AUTO}};
	struct port_eal_args a;
	cpu_set_t cpus;

	(void)state;
	CPU_ZERO(&cpus);
	CPU_SET(2, &cpus);
	CPU_SET(5, &cpus);
	assert_int_equal(port_eal_args_build(&c, "nvad", &cpus, 1024, &a, err, sizeof(err)), 0);
	assert_string_equal(a.argv[0], "nvad");
	assert_true(has(&a, "--lcores=0@2,1@5"));
	assert_true(has(&a, "--no-pci"));
	assert_true(has(&a, "--in-memory"));
	assert_true(has(&a, "--no-telemetry"));
	assert_true(has(&a, "--iova-mode=va"));
	assert_true(has(&a, "512"));
	assert_false(has(&a, "--no-huge"));
	assert_true(a.huge_pages);
	assert_false(a.shared_cpus);
	port_eal_args_free(&a);

	c.system.workers = 3;
	assert_int_equal(port_eal_args_build(&c, "nvad", &cpus, 511, &a, err, sizeof(err)), 0);
	assert_true(has(&a, "--lcores=0@2,1@5,2@2,3@5"));
	assert_true(has(&a, "--no-huge"));
	assert_true(has(&a, "--no-shconf"));
	assert_false(has(&a, "--in-memory"));
	assert_false(a.huge_pages);
	assert_true(a.shared_cpus);
	port_eal_args_free(&a);

	c.system.huge_pages = CONFIG_HUGE_YES;
	assert_int_equal(port_eal_args_build(&c, "nvad", &cpus, 511, &a, err, sizeof(err)), -ENOMEM);
	assert_non_null(strstr(err, "nr_hugepages"));
	c.system.huge_pages = CONFIG_HUGE_NO;
	assert_int_equal(port_eal_args_build(&c, "nvad", &cpus, 1024, &a, err, sizeof(err)), 0);
	assert_true(has(&a, "--no-huge"));
	port_eal_args_free(&a);
}

static void test_eal_buses(void **state)
{
	struct config_port p[2] = {port_of(CONFIG_DEVICE_PCI), port_of(CONFIG_DEVICE_NULL)};
	struct config c = {.ports = p, .n_ports = 2, .system = {.workers = 1, .memory_mb = 64}};
	struct port_eal_args a;
	cpu_set_t cpus;

	(void)state;
	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	strcpy(p[0].device.address, "0001:00:02.0");
	strcpy(p[0].device.devargs, "a=1");
	assert_int_equal(port_eal_args_build(&c, "nvad", &cpus, 0, &a, err, sizeof(err)), 0);
	assert_true(has(&a, "--allow=pci:0001:00:02.0,a=1"));
	assert_false(has(&a, "--no-pci"));
	port_eal_args_free(&a);

	/* A NIC on the VMBus brings a virtual function on PCI along: all of PCI is looked at. */
	p[1].device.kind = CONFIG_DEVICE_VMBUS;
	strcpy(p[1].device.address, "5a3b0e0a-0000-1111-2222-333344445555");
	assert_int_equal(port_eal_args_build(&c, "nvad", &cpus, 0, &a, err, sizeof(err)), 0);
	assert_false(has(&a, "--allow=pci:0001:00:02.0,a=1"));
	assert_true(has(&a, "--allow=vmbus:5a3b0e0a-0000-1111-2222-333344445555"));
	port_eal_args_free(&a);

	/* By MAC: all of them. */
	p[1].device.address[0] = '\0';
	p[1].device.has_mac = true;
	assert_int_equal(port_eal_args_build(&c, "nvad", &cpus, 0, &a, err, sizeof(err)), 0);
	for (int i = 0; i < a.argc; i++)
		assert_null(strstr(a.argv[i], "--allow"));
	port_eal_args_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_virtual), cmocka_unit_test(test_memif_pcap),
		cmocka_unit_test(test_hardware), cmocka_unit_test(test_errors),
		cmocka_unit_test(test_keys), cmocka_unit_test(test_data_room),
		cmocka_unit_test(test_eal), cmocka_unit_test(test_eal_buses),
	};

	return cmocka_run_group_tests_name("port_args", tests, NULL, NULL);
}
