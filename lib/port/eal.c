/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Starts EAL, once a process, from the control thread, before any port. From here on DPDK's log
 * lines are nvad's log lines.
 */
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>

#include "base/log.h"
#include "port/port_priv.h"

static enum log_level level_of_rte(int level)
{
	if (level <= 0)
		return LOG_LEVEL_INFO;
	if (level <= (int)RTE_LOG_ERR)
		return LOG_LEVEL_ERROR;
	if (level == (int)RTE_LOG_WARNING)
		return LOG_LEVEL_WARNING;
	return level == (int)RTE_LOG_NOTICE ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;
}

/*
 * What DPDK says while it starts or a port opens is kept until it is known how that ended: it reports
 * as errors and warnings what it then does without (net_tap its flow rules, memif its secondary
 * processes, EAL a size of huge pages), and only after a failure do these lines explain something.
 */
static struct {
	bool on;
	size_t len; /* of text: lines with the level's digit in front */
	char text[4096];
} held;

static void log_line(enum log_level level, const char *line)
{
	size_t room = sizeof(held.text) - held.len;
	int n;

	if (held.on && level < LOG_LEVEL_DEBUG) {
		n = snprintf(held.text + held.len, room, "%d%s\n", (int)level, line);
		if (n > 0 && (size_t)n < room) {
			held.len += n;
			return;
		}
	}
	if (log_enabled(level))
		log_write(level, "dpdk", "%s", line);
}

void port_log_hold(void)
{
	held.on = true;
	held.len = 0;
}

void port_log_release(bool failed)
{
	held.on = false;
	for (char *line = held.text, *end; line < held.text + held.len; line = end + 1) {
		enum log_level level = failed ? (enum log_level)(line[0] - '0') : LOG_LEVEL_DEBUG;

		end = strchr(line, '\n');
		*end = '\0';
		log_line(level, line + 1);
	}
}

/* One rte_log call may bring half a line or several; the stream's lock makes this one at a time. */
static ssize_t log_stream_write(void *cookie, const char *text, size_t size)
{
	static char line[512];
	static size_t len;
	enum log_level level = level_of_rte(rte_log_cur_msg_loglevel());

	(void)cookie;
	for (size_t i = 0; i < size; i++) {
		if (text[i] != '\n' && len < sizeof(line) - 1)
			line[len++] = text[i];
		if (text[i] == '\n' || len == sizeof(line) - 1) {
			line[len] = '\0';
			if (len > 0)
				log_line(level, line);
			len = 0;
		}
	}
	return (ssize_t)size;
}

static int log_libbpf(enum libbpf_print_level rank, const char *fmt, va_list ap)
{
	enum log_level level = rank == LIBBPF_WARN ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG;
	char line[512];
	int n = vsnprintf(line, sizeof(line), fmt, ap);

	if (n > 0 && (size_t)n < sizeof(line) && line[n - 1] == '\n')
		line[n - 1] = '\0';
	for (char *nl = line; (nl = strchr(nl, '\n')) != NULL;)
		*nl = ' ';
	log_line(level, line);
	return 0;
}

static int route_log(void)
{
	FILE *f = fopencookie(NULL, "w", (cookie_io_functions_t){.write = log_stream_write});

	if (f == NULL)
		return -errno;
	return rte_openlog_stream(f);
}

static uint64_t read_number(const char *path)
{
	unsigned long long value = 0;
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return 0;
	if (fscanf(f, "%llu", &value) != 1)
		value = 0;
	fclose(f);
	return value;
}

/* Of the page sizes the best filled one: EAL can use them all, but a pool wants to be in one. */
static uint64_t free_huge_mb(void)
{
	uint64_t best = 0;
	struct dirent *e;
	DIR *dir = opendir("/sys/kernel/mm/hugepages");

	if (dir == NULL)
		return 0;
	while ((e = readdir(dir)) != NULL) {
		unsigned long long kb;
		char path[320];
		uint64_t mb;

		if (sscanf(e->d_name, "hugepages-%llukB", &kb) != 1)
			continue;
		snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/%s/free_hugepages", e->d_name);
		mb = read_number(path) * kb / 1024;
		best = mb > best ? mb : best;
	}
	closedir(dir);
	return best;
}

int port_eal_init(const struct config *conf, const char *prog, char *err, size_t err_len)
{
	static struct port_eal_args a; /* EAL may keep its arguments */
	char *argv[PORT_EAL_ARGS_MAX + 1];
	cpu_set_t cpus;
	int rc;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return port_fail(err, err_len, errno, "cannot read the CPUs to run on: %s",
			strerror(errno));
	rc = port_eal_args_build(conf, prog, &cpus, free_huge_mb(), &a, err, err_len);
	if (rc < 0)
		return rc;
	if (!a.huge_pages && conf->system.huge_pages == CONFIG_HUGE_AUTO)
		log_info("port", "no %u MB of free huge pages: ordinary ones it is, at some cost in speed",
			conf->system.memory_mb);
	if (a.shared_cpus)
		log_warning("port", "%u workers and the control thread on %d CPUs: some share one",
			conf->system.workers, CPU_COUNT(&cpus));
	for (int i = 0; i < a.argc; i++)
		log_debug("port", "EAL argument %d: %s", i, a.argv[i]);

	libbpf_set_print(log_libbpf);
	rc = route_log();
	if (rc < 0)
		log_warning("port", "DPDK's log goes its own way: %s", strerror(-rc));
	/* EAL permutes the array. */
	memcpy(argv, a.argv, sizeof(argv));
	argv[a.argc] = NULL;
	port_log_hold();
	rc = rte_eal_init(a.argc, argv);
	port_log_release(rc < 0);
	if (rc < 0) {
		int code = rte_errno != 0 ? rte_errno : EINVAL;

		port_eal_args_free(&a);
		return port_fail(err, err_len, code,
			"DPDK's EAL does not start: %s; its own messages are above%s", strerror(code),
			geteuid() != 0 ? "; it wants root" : "");
	}
	return 0;
}
