/* SPDX-License-Identifier: BSD-3-Clause */
/* nvad: reads its words and its configuration, starts EAL, and hands over to start.c and loop.c. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_version.h>

#include "base/log.h"
#include "nvad.h"
#include "nvad_version.h"
#include "port/port.h"

#define DEFAULT_CONFIG "/etc/nvad/nvad.yaml"

/* Exit status: as sysexits would say it, but simpler. */
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct options {
	const char *config;
	bool check_only;
};

static void print_help(void)
{
	printf("nvad %s - network virtual appliance forwarder\n"
	       "\n"
	       "usage: nvad [-c FILE] [-v]       run in the foreground (default: %s)\n"
	       "       nvad --check FILE         check a configuration and exit: 0 good, 1 not\n"
	       "       nvad --version | --help\n"
	       "\n"
	       "  -v, --verbose   log debug messages\n"
	       "\n"
	       "SIGTERM and SIGINT stop it in order: peers get a CEASE and withdraw its routes.\n"
	       "Look at it with nvactl; after a change of FILE: nvactl reload.\n",
		NVAD_VERSION, DEFAULT_CONFIG);
}

/* Returns -1 to go on, or an exit status. */
static int parse_options(int argc, char **argv, struct options *ret_options)
{
	static const struct option long_options[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", required_argument, NULL, 'C'},
		{"verbose", no_argument, NULL, 'v'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:vhV", long_options, NULL)) != -1) {
		switch (c) {
		case 'c':
			ret_options->config = optarg;
			break;
		case 'C':
			ret_options->config = optarg;
			ret_options->check_only = true;
			break;
		case 'v':
			log_set_level(LOG_LEVEL_DEBUG);
			break;
		case 'V':
			printf("nvad %s, %s\n", NVAD_VERSION, rte_version());
			return EXIT_OK;
		case 'h':
			print_help();
			return EXIT_OK;
		default:
			fprintf(stderr, "try: nvad --help\n");
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "nvad: unexpected word '%s'\ntry: nvad --help\n", argv[optind]);
		return EXIT_USAGE;
	}
	return -1;
}

/* A signal to stop waits until the loop can obey: half started or half stopped, things stay behind. */
static void hold_signals(void)
{
	sigset_t stop;

	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	sigprocmask(SIG_BLOCK, &stop, NULL);
}

static int run(const struct config *conf, const char *path)
{
	struct nvad n = {.conf = conf, .config_path = path};
	char err[512] = "";
	int rc;

	hold_signals(); /* before EAL's threads inherit them */
	if (port_eal_init(conf, "nvad", err, sizeof(err)) != 0) {
		log_error("nvad", "%s", err);
		return EXIT_FAILED;
	}
	rc = nvad_start(&n, err, sizeof(err));
	if (rc != 0)
		log_error("nvad", "%s", err);
	else
		rc = nvad_run(&n);
	nvad_stop(&n);
	rte_eal_cleanup();
	return rc == 0 ? EXIT_OK : EXIT_FAILED;
}

int main(int argc, char **argv)
{
	struct options options = {.config = DEFAULT_CONFIG};
	struct config_error error;
	struct config *conf;
	bool colour;
	int status;

	status = parse_options(argc, argv, &options);
	if (status >= 0)
		return status;

	colour = isatty(STDERR_FILENO) && getenv("NO_COLOR") == NULL;
	conf = config_load(options.config, &error);
	if (conf == NULL) {
		config_error_print(&error, stderr, colour);
		return EXIT_FAILED;
	}
	for (size_t i = 0; i < conf->n_warnings; i++)
		config_error_print(&conf->warnings[i], stderr, colour);
	if (options.check_only) {
		printf("%s: good: %zu ports, %zu BGP peers, %zu SNAT and %zu DNAT rules\n", options.config,
			conf->n_ports, conf->bgp.n_peers, conf->nat.n_snat, conf->nat.n_dnat);
		status = EXIT_OK;
	} else {
		status = run(conf, options.config);
	}
	config_free(conf);
	return status;
}
