/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The object that the driver is given, and refusals; no privilege. What the program does with frames
 * is in tests/netns/test_port_xdp.py.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <bpf/libbpf.h>
#include <cmocka.h>

#include "xdp/xdp.h"

static char err[512];

static void expect_map(struct bpf_object *o, const char *name, enum bpf_map_type type,
	uint32_t key_size, uint32_t value_size, uint32_t entries)
{
	struct bpf_map *m = bpf_object__find_map_by_name(o, name);

	assert_non_null(m);
	assert_int_equal(bpf_map__type(m), type);
	assert_int_equal(bpf_map__key_size(m), key_size);
	assert_int_equal(bpf_map__value_size(m), value_size);
	assert_int_equal(bpf_map__max_entries(m), entries);
}

static void test_object(void **state)
{
	struct bpf_object *o;
	struct bpf_program *p;
	const char *path = xdp_steer_path();

	(void)state;
	assert_non_null(path);
	assert_ptr_equal(xdp_steer_path(), path);
	o = bpf_object__open_file(path, NULL);
	assert_non_null(o);
	/* The driver takes the first program and the map of this name. */
	p = bpf_object__next_program(o, NULL);
	assert_non_null(p);
	assert_string_equal(bpf_program__name(p), "nvad_steer");
	assert_int_equal(bpf_program__type(p), BPF_PROG_TYPE_XDP);
	assert_null(bpf_object__next_program(o, p));
	expect_map(o, "xsks_map", BPF_MAP_TYPE_XSKMAP, 4, 4, 64);
	expect_map(o, "nvad_addrs", BPF_MAP_TYPE_HASH, 16, 4, XDP_ADDRESSES_MAX);
	expect_map(o, "nvad_off", BPF_MAP_TYPE_ARRAY, 4, 4, 1);
	expect_map(o, "nvad_counters", BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(struct xdp_class_counters),
		XDP_CLASS_MAX);
	expect_map(o, "nvad_nat", BPF_MAP_TYPE_HASH, 16, sizeof(struct xdp_nat_ports),
		XDP_NAT_ADDRESSES_MAX);
	bpf_object__close(o);
}

static void test_class_names(void **state)
{
	(void)state;
	for (int i = 0; i < XDP_CLASS_MAX; i++) {
		assert_non_null(xdp_class_name(i));
		for (int k = 0; k < i; k++)
			assert_string_not_equal(xdp_class_name(i), xdp_class_name(k));
	}
	assert_string_equal(xdp_class_name(XDP_CLASS_MAX), "?");
	assert_int_equal(XDP_CLASSES_ALL >> XDP_CLASS_AZURE, 1);
}

static void test_refusals(void **state)
{
	(void)state;
	assert_int_equal(xdp_steer_prepare("nv-no-such", err, sizeof(err)), -ENODEV);
	assert_non_null(strstr(err, "nv-no-such"));
	err[0] = '\0';
	assert_null(xdp_steer_open("nv-no-such", err, sizeof(err)));
	assert_int_equal(errno, ENODEV);
	assert_non_null(strstr(err, "nv-no-such"));
	/* The loopback has no program of ours. */
	err[0] = '\0';
	assert_null(xdp_steer_open("lo", err, sizeof(err)));
	assert_non_null(strstr(err, "nvad_steer"));
	xdp_steer_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_object),
		cmocka_unit_test(test_class_names),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests_name("xdp_steer", tests, NULL, NULL);
}
