/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nvad between two memif ports as a neighbour sees it: dpdk-testpmd generates 64-byte IPv4 frames of
 * 1024 flows on both and counts what comes back. The baseline is testpmd forwarding in io mode in
 * nvad's place, which touches no packet: the ceiling. Runs alternate.
 *
 * Two CPUs take part, and what memif does depends on whether they share a cache at the moment: the
 * round trip between them is measured before and after each run, and runs near and far are cases of
 * their own (a run in which that changed is left out).
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "report.h"

#define ROUNDS_DEFAULT 3
#define ROUNDS_MORE 6 /* at most, where the CPUs' distance spoils some */
#define WINDOWS_WANTED 5
#define SECONDS_SKIPPED 3 /* testpmd's statistics come once a second; the first are of the start */
#define SECONDS_COUNTED 3
#define SAMPLES_MAX 1024
#define ROUND_TRIPS 20000
#define NEAR_TICKS 600 /* about 240 within a shared cache, 1250 without */

/* Where flowgen sends to (app/test-pmd/flowgen.c), and half of its destinations to each port. */
static const char nvad_yaml[] =
	"system:\n"
	"  workers: 1\n"
	"  poll: busy\n"
	"  memory_mb: 256\n"
	"  socket: %s/nvad.sock\n"
	"ports:\n"
	"  - name: west\n"
	"    device:\n"
	"      kind: memif\n"
	"      socket: %s/0.sock\n"
	"      role: server\n"
	"      id: 0\n"
	"      mac: \"00:01:02:03:04:01\"\n"
	"    addresses: [192.168.0.1/24]\n"
	"    neighbours: [{address: 192.168.0.2, mac: \"02:00:00:00:00:02\"}]\n"
	"    punt: false\n"
	"  - name: east\n"
	"    device:\n"
	"      kind: memif\n"
	"      socket: %s/1.sock\n"
	"      role: server\n"
	"      id: 1\n"
	"      mac: \"00:01:02:03:04:01\"\n"
	"    addresses: [192.168.1.1/24]\n"
	"    neighbours: [{address: 192.168.1.2, mac: \"02:00:00:00:00:03\"}]\n"
	"    punt: false\n"
	"routes:\n"
	"  - prefix: 10.253.0.0/23\n"
	"    via: 192.168.1.2\n"
	"  - prefix: 10.253.2.0/23\n"
	"    via: 192.168.0.2\n";

static char dir[] = "/tmp/nvad-bench-XXXXXX";
static char nvad[512], log_text[4096];
static pid_t forwarder, generator;
static int cpus[2];
static bool huge;

struct samples {
	double v[SAMPLES_MAX];
	size_t n;
};

static void process_stop(pid_t *pid)
{
	for (unsigned int ms = 0; *pid > 0; ms++) {
		if (ms % 1000 == 0)
			kill(*pid, ms == 0 ? SIGINT : ms < 5000 ? SIGTERM : SIGKILL);
		usleep(1000);
		if (waitpid(*pid, NULL, WNOHANG) == *pid)
			*pid = 0;
	}
}

static void clean_up(void)
{
	static const char *const files[] = {"0.sock", "1.sock", "nvad.sock", "nvad.yaml", "log"};
	char path[128];

	process_stop(&generator);
	process_stop(&forwarder);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	rmdir(dir);
}

static void on_signal(int sig)
{
	(void)sig;
	exit(130); /* nothing here holds a lock for long: the handler may clean up */
}

/* What the failed process said last. */
static void __attribute__((noreturn)) fail(const char *what)
{
	char path[128];
	int fd;
	ssize_t n = 0;

	snprintf(path, sizeof(path), "%s/log", dir);
	fd = open(path, O_RDONLY);
	if (fd >= 0) {
		off_t len = lseek(fd, 0, SEEK_END);

		lseek(fd, len > 2000 ? len - 2000 : 0, SEEK_SET);
		n = read(fd, log_text, sizeof(log_text) - 1);
		close(fd);
	}
	errx(1, "%s; the last of its log:\n%.*s", what, (int)(n > 0 ? n : 0), log_text);
}

/* Starts a program; its output goes to the log, or to the pipe that is returned. */
static pid_t process_start(char *const argv[], int *ret_out)
{
	int fds[2] = {-1, -1};
	char path[128];
	pid_t pid;

	snprintf(path, sizeof(path), "%s/log", dir);
	if (ret_out != NULL && pipe(fds) < 0)
		err(1, "pipe");
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		int log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
		int null = open("/dev/null", O_RDONLY);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(null, 0);
		dup2(ret_out != NULL ? fds[1] : log, 1);
		dup2(log, 2);
		execvp(argv[0], argv);
		fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	if (ret_out != NULL) {
		close(fds[1]);
		*ret_out = fds[0];
	}
	return pid;
}

static void wait_for_sockets(void)
{
	char path[2][128];

	snprintf(path[0], sizeof(path[0]), "%s/0.sock", dir);
	snprintf(path[1], sizeof(path[1]), "%s/1.sock", dir);
	for (unsigned int ms = 0; ms < 20000; ms += 10) {
		if (access(path[0], F_OK) == 0 && access(path[1], F_OK) == 0)
			return;
		if (waitpid(forwarder, NULL, WNOHANG) == forwarder) {
			forwarder = 0;
			fail("the forwarder ended");
		}
		usleep(10000);
	}
	fail("the forwarder opened no memif in 20 s");
}

/* testpmd on two memif ports, its forwarding lcore on a CPU of its own. */
static pid_t testpmd_start(const char *name, const char *role, const char *mode, int cpu,
	int *ret_out)
{
	char lcores[64], vdev[2][256], prefix[64], fwd[64];
	char *argv[40], **a = argv;

	snprintf(lcores, sizeof(lcores), "0@%d,1@%d", cpus[0], cpu);
	snprintf(prefix, sizeof(prefix), "%s-%d", name, (int)getpid());
	snprintf(fwd, sizeof(fwd), "--forward-mode=%s", mode);
	*a++ = "dpdk-testpmd";
	*a++ = "--lcores";
	*a++ = lcores;
	*a++ = "--no-pci";
	*a++ = "--no-telemetry";
	*a++ = "--file-prefix";
	*a++ = prefix;
	if (huge) {
		*a++ = "--in-memory";
	} else {
		*a++ = "--no-huge";
		*a++ = "--no-shconf";
		*a++ = "-m";
		*a++ = "256";
	}
	for (unsigned int i = 0; i < 2; i++) {
		snprintf(vdev[i], sizeof(vdev[i]),
			"net_memif%u,role=%s,id=%u,socket=%s/%u.sock,socket-abstract=no", i, role, i,
			dir, i);
		*a++ = "--vdev";
		*a++ = vdev[i];
	}
	*a++ = "--";
	*a++ = fwd;
	*a++ = "--auto-start";
	*a++ = "--stats-period";
	*a++ = "1";
	*a++ = "--no-lsc-interrupt";
	*a++ = "--total-num-mbufs=16384";
	*a = NULL;
	return process_start(argv, ret_out);
}

static void nvad_start(void)
{
	char conf[128], *argv[] = {nvad, "-c", conf, NULL};
	FILE *f;

	snprintf(conf, sizeof(conf), "%s/nvad.yaml", dir);
	f = fopen(conf, "w");
	if (f == NULL || fprintf(f, nvad_yaml, dir, dir, dir) < 0 || fclose(f) != 0)
		err(1, "%s", conf);
	forwarder = process_start(argv, NULL);
}

/* What the generator receives in each second that counts, of both ports, in millions a second. */
static void count(int out, struct samples *s)
{
	unsigned int lines = 0;
	double sum = 0;
	char line[256];
	FILE *f = fdopen(out, "r");

	if (f == NULL)
		err(1, "fdopen");
	while (lines < 2 * (SECONDS_SKIPPED + SECONDS_COUNTED)) {
		struct pollfd p = {.fd = out, .events = POLLIN};
		const char *at;

		if (poll(&p, 1, 20000) <= 0 || fgets(line, sizeof(line), f) == NULL)
			fail("testpmd gave no statistics");
		at = strstr(line, "Rx-pps:");
		if (at == NULL)
			continue;
		sum += strtod(at + 7, NULL);
		if (++lines % 2 != 0)
			continue;
		if (lines / 2 > SECONDS_SKIPPED && s != NULL && s->n < SAMPLES_MAX)
			s->v[s->n++] = sum / 1e6;
		sum = 0;
	}
	fclose(f);
}

static _Atomic uint32_t ball;

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *return_the_ball(void *arg)
{
	(void)arg;
	pin(cpus[1]);
	for (uint32_t i = 0; i < ROUND_TRIPS; i++) {
		while (atomic_load_explicit(&ball, memory_order_acquire) != 2 * i + 1)
			;
		atomic_store_explicit(&ball, 2 * i + 2, memory_order_release);
	}
	return NULL;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* A cache line from one CPU to the other and back: the median, in TSC ticks. */
static uint64_t round_trip(void)
{
	static uint64_t took[ROUND_TRIPS];
	cpu_set_t before;
	pthread_t other;

	sched_getaffinity(0, sizeof(before), &before);
	atomic_store(&ball, 0);
	if (pthread_create(&other, NULL, return_the_ball, NULL) != 0)
		errx(1, "no thread");
	pin(cpus[0]);
	for (uint32_t i = 0; i < ROUND_TRIPS; i++) {
		uint64_t start = rte_rdtsc();

		atomic_store_explicit(&ball, 2 * i + 1, memory_order_release);
		while (atomic_load_explicit(&ball, memory_order_acquire) != 2 * i + 2)
			;
		took[i] = rte_rdtsc() - start;
	}
	pthread_join(other, NULL);
	sched_setaffinity(0, sizeof(before), &before);
	qsort(took, ROUND_TRIPS, sizeof(took[0]), by_value);
	return took[ROUND_TRIPS / 2];
}

/* One run of one forwarder. Its samples go to s[0] near or s[1] far. Returns false where that changed. */
static bool run(bool with_nvad, struct samples s[2])
{
	uint64_t before = round_trip(), after;
	struct samples got = {.n = 0};
	bool far;
	int out;

	clean_up();
	if (mkdir(dir, 0700) < 0)
		err(1, "%s", dir);
	if (with_nvad)
		nvad_start();
	else
		forwarder = testpmd_start("io", "server", "io", cpus[1], NULL);
	wait_for_sockets();
	generator = testpmd_start("gen", "client", "flowgen", cpus[0], &out);
	count(out, &got);
	process_stop(&generator);
	process_stop(&forwarder);
	after = round_trip();
	far = before > NEAR_TICKS;
	if (far != (after > NEAR_TICKS))
		return false;
	for (size_t i = 0; i < got.n && s[far].n < SAMPLES_MAX; i++)
		s[far].v[s[far].n++] = got.v[i];
	return true;
}

static void two_cpus(void)
{
	cpu_set_t set;
	unsigned int n = 0;

	sched_getaffinity(0, sizeof(set), &set);
	for (int cpu = 0; cpu < CPU_SETSIZE && n < 2; cpu++)
		if (CPU_ISSET(cpu, &set))
			cpus[n++] = cpu;
	if (n < 2)
		errx(1, "wants two CPUs");
}

static bool huge_pages_free(void)
{
	char line[128];
	unsigned long pages = 0;
	FILE *f = fopen("/proc/meminfo", "r");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		sscanf(line, "HugePages_Free: %lu", &pages);
	if (f != NULL)
		fclose(f);
	return pages >= 384; /* of 2 MB: nvad's 256 MB, and testpmd's two pools */
}

static void start(const char *self)
{
	char copy[256];

	snprintf(copy, sizeof(copy), "%s", self);
	if (nvad[0] == '\0')
		snprintf(nvad, sizeof(nvad), "%s/../../app/nvad/nvad", dirname(copy));
	if (access(nvad, X_OK) < 0)
		err(1, "%s", nvad);
	if (geteuid() != 0)
		errx(1, "wants root, for huge pages and nvad");
	two_cpus();
	huge = huge_pages_free();
	if (mkdtemp(dir) == NULL)
		err(1, "%s", dir);
	atexit(clean_up);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
}

static bool enough(const struct samples *a, const struct samples *b)
{
	return (a[0].n >= WINDOWS_WANTED && b[0].n >= WINDOWS_WANTED) ||
		(a[1].n >= WINDOWS_WANTED && b[1].n >= WINDOWS_WANTED);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
		{"rounds", required_argument, NULL, 'r'}, {"nvad", required_argument, NULL, 'n'}, {0}};
	static struct samples with_nvad[2], ceiling[2];
	static const char *const names[2] = {"1route-near", "1route-far"};
	unsigned int rounds = ROUNDS_DEFAULT, left_out = 0;
	bool json = false;
	struct report *report;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'j')
			json = true;
		else if (c == 'r')
			rounds = atoi(optarg);
		else if (c == 'n')
			snprintf(nvad, sizeof(nvad), "%s", optarg);
		else
			errx(2, "usage: bench_memif [--json] [--rounds N] [--nvad FILE]");
	}
	if (rounds < 2)
		errx(2, "at least two rounds, for at least five windows");
	start(argv[0]);
	report = report_new("memif");
	for (unsigned int i = 0;
		i < rounds || (i < rounds + ROUNDS_MORE && !enough(with_nvad, ceiling)); i++) {
		left_out += !run(false, ceiling);
		left_out += !run(true, with_nvad);
	}
	for (unsigned int i = 0; i < 2; i++)
		if (with_nvad[i].n > 0)
			report_add(report, names[i], "Mpps", with_nvad[i].v, with_nvad[i].n,
				ceiling[i].v, ceiling[i].n);
	report_note(report, "packets that testpmd (flowgen) gets back a second, both ports; windows of 1 s; "
		"baseline: testpmd (io) in nvad's place; %s pages", huge ? "huge" : "4 KiB");
	report_note(report, "near: nvad %zu windows, io %zu; far: nvad %zu, io %zu; %u runs left out "
		"because the distance between the CPUs changed", with_nvad[0].n, ceiling[0].n,
		with_nvad[1].n, ceiling[1].n, left_out);
	report_print(report, json);
	report_free(report);
	return with_nvad[0].n + with_nvad[1].n > 0 ? 0 : 1;
}
