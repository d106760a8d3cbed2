/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What EAL is started with, as a pure function of the configuration and the machine: lcores, memory,
 * buses. lib/port/eal.c asks the machine and starts EAL.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/port_priv.h"

static int add(struct port_eal_args *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static int add(struct port_eal_args *a, const char *fmt, ...)
{
	va_list ap;
	int rc;

	if (a->argc == PORT_EAL_ARGS_MAX)
		return -E2BIG;
	va_start(ap, fmt);
	rc = vasprintf(&a->argv[a->argc], fmt, ap);
	va_end(ap);
	if (rc < 0) {
		a->argv[a->argc] = NULL;
		return -ENOMEM;
	}
	a->argc++;
	return 0;
}

void port_eal_args_free(struct port_eal_args *a)
{
	for (int i = 0; i < a->argc; i++)
		free(a->argv[i]);
	*a = (struct port_eal_args){0};
}

/*
 * Lcore 0 is the control thread, on the first CPU; worker w is lcore w + 1, on the CPUs behind it for
 * as long as there are any, and then round again from the first.
 */
static int add_lcores(struct port_eal_args *a, unsigned int workers, const cpu_set_t *cpus)
{
	int list[CPU_SETSIZE], n = 0, rc;
	size_t len = 0, room = (workers + 1) * 16;
	char *text = malloc(room);

	if (text == NULL)
		return -ENOMEM;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, cpus))
			list[n++] = cpu;
	}
	if (n == 0)
		list[n++] = 0;
	for (unsigned int lcore = 0; lcore <= workers; lcore++)
		len += snprintf(text + len, room - len, "%s%u@%d", lcore > 0 ? "," : "", lcore,
			list[lcore % n]);
	a->shared_cpus = workers + 1 > (unsigned int)n;
	rc = add(a, "--lcores=%s", text);
	free(text);
	return rc;
}

/*
 * A bus is scanned only where a device on it is configured. It is kept to the configured addresses
 * where these are all that nvad needs of it: a device known by MAC has to be looked for among all,
 * and a VMBus NIC brings its virtual function on PCI along.
 */
static int add_bus(struct port_eal_args *a, const struct config *conf, enum config_device_kind kind,
	bool all)
{
	const char *bus = kind == CONFIG_DEVICE_PCI ? "pci" : "vmbus";
	int rc = 0;

	for (size_t i = 0; i < conf->n_ports; i++) {
		const struct config_device *d = &conf->ports[i].device;

		if (d->kind == kind && d->address[0] == '\0')
			all = true;
	}
	for (size_t i = 0; !all && rc == 0 && i < conf->n_ports; i++) {
		const struct config_device *d = &conf->ports[i].device;

		if (d->kind == kind)
			rc = add(a, "--allow=%s:%s%s%s", bus, d->address,
				d->devargs[0] != '\0' ? "," : "", d->devargs);
	}
	return rc;
}

static int add_buses(struct port_eal_args *a, const struct config *conf)
{
	bool pci = false, vmbus = false;
	int rc;

	for (size_t i = 0; i < conf->n_ports; i++) {
		pci |= conf->ports[i].device.kind == CONFIG_DEVICE_PCI;
		vmbus |= conf->ports[i].device.kind == CONFIG_DEVICE_VMBUS;
	}
	if (!pci && !vmbus)
		return add(a, "--no-pci");
	rc = add_bus(a, conf, CONFIG_DEVICE_PCI, vmbus);
	if (rc == 0 && vmbus)
		rc = add_bus(a, conf, CONFIG_DEVICE_VMBUS, false);
	return rc;
}

int port_eal_args_build(const struct config *conf, const char *prog, const cpu_set_t *cpus,
	uint64_t free_huge_mb, struct port_eal_args *ret_args, char *err, size_t err_len)
{
	const struct config_system *sys = &conf->system;
	struct port_eal_args a = {.huge_pages = sys->huge_pages != CONFIG_HUGE_NO};
	int rc;

	if (sys->huge_pages == CONFIG_HUGE_YES && free_huge_mb < sys->memory_mb)
		return port_fail(err, err_len, ENOMEM,
			"huge pages: %u MB are configured (system: memory_mb), %llu MB are free; raise "
			"/proc/sys/vm/nr_hugepages or set huge_pages: auto", sys->memory_mb,
			(unsigned long long)free_huge_mb);
	if (free_huge_mb < sys->memory_mb)
		a.huge_pages = false;

	rc = add(&a, "%s", prog);
	if (rc == 0)
		rc = add_lcores(&a, sys->workers, cpus);
	/* No files, so that processes do not meet and a crash leaves nothing behind; EAL refuses
	 * --in-memory beside --no-huge, and makes a directory of that prefix then. */
	if (rc == 0)
		rc = add(&a, a.huge_pages ? "--in-memory" : "--no-shconf");
	if (rc == 0 && !a.huge_pages)
		rc = add(&a, "--no-huge");
	if (rc == 0 && !a.huge_pages)
		rc = add(&a, "--file-prefix=%s", prog);
	if (rc == 0)
		rc = add(&a, "-m");
	if (rc == 0)
		rc = add(&a, "%u", sys->memory_mb);
	if (rc == 0)
		rc = add(&a, "--iova-mode=va");
	if (rc == 0)
		rc = add(&a, "--no-telemetry");
	if (rc == 0)
		rc = add(&a, "--log-level=notice");
	if (rc == 0)
		rc = add_buses(&a, conf);
	if (rc < 0) {
		port_eal_args_free(&a);
		return port_fail(err, err_len, -rc, "cannot build EAL's arguments: %s", strerror(-rc));
	}
	*ret_args = a;
	return 0;
}
