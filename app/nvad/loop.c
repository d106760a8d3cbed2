/* SPDX-License-Identifier: BSD-3-Clause */
/* The control thread's loop: signals, and the timers that drive what has no file descriptor. */
#include <signal.h>

#include "base/clock.h"
#include "base/log.h"
#include "nvad.h"
#include "port/port.h"

/* Packets that the workers punt are polled for: no worker may make the syscall that would wake us. */
#define TICK_MS 1
#define TICK_IDLE_MS 4 /* once nothing moved for a while */
#define IDLE_AFTER_MS 50
#define LINK_POLL_MS 250
#define SYNC_MS 100

struct loop {
	struct nvad *n;
	struct event *tick;   /* one shot: each says when the next comes */
	struct event *kernel; /* only awaited while idle: a busy tick reads what the kernel has */
	uint64_t moved_ms;    /* when something moved last */
};

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct nvad *n = arg;
	(void)what;

	log_info("nvad", "stopping on signal %d", (int)sig);
	event_base_loopbreak(n->base);
}

static int add_ms(struct event *e, unsigned int ms)
{
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};

	return event_add(e, &tv);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;
	struct nvad *n = l->n;
	uint64_t now = clock_now_ms();
	bool moved;
	(void)fd;
	(void)what;

	neigh_run(n->neigh, now);
	moved = punt_poll(n->punt) > 0;
	moved |= rib_run(n->rib, RIB_SLICE);
	if (moved)
		l->moved_ms = now;
	if (now - l->moved_ms < IDLE_AFTER_MS) {
		add_ms(l->tick, TICK_MS);
		return;
	}
	add_ms(l->tick, TICK_IDLE_MS);
	event_add(l->kernel, NULL);
}

static void on_link(evutil_socket_t fd, short what, void *arg)
{
	struct nvad *n = arg;
	(void)fd;
	(void)what;

	for (struct port *p = port_next(NULL); p != NULL; p = port_next(p)) {
		if (!port_poll_link(p))
			continue;
		log_info("port", "%s: link is %s", p->name, p->link_up ? "up" : "down");
		fibsync_port_changed(n->fibsync, p->id, p->link_up);
	}
}

static void on_sync(evutil_socket_t fd, short what, void *arg)
{
	struct nvad *n = arg;
	(void)fd;
	(void)what;

	fibsync_run(n->fibsync, clock_now_ms());
	fib_reclaim(n->fib);
	nh_table_reclaim(n->nh);
	if (n->nat != NULL)
		nat_poll(n->nat, clock_now_ms());
}

static int add_timer(struct nvad *n, event_callback_fn fn, unsigned int ms, struct event **ret_event)
{
	*ret_event = event_new(n->base, -1, EV_PERSIST, fn, n);
	return *ret_event != NULL ? add_ms(*ret_event, ms) : -1;
}

static int add_tick(struct loop *l)
{
	l->tick = evtimer_new(l->n->base, on_tick, l);
	l->kernel = event_new(l->n->base, punt_fd(l->n->punt), EV_READ, on_tick, l);
	if (l->tick == NULL || l->kernel == NULL)
		return -1;
	return add_ms(l->tick, TICK_MS);
}

/* They are blocked but here (main.c). */
static void let_signals(int how)
{
	sigset_t stop;

	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	sigprocmask(how, &stop, NULL);
}

int nvad_run(struct nvad *n)
{
	struct loop loop = {.n = n, .moved_ms = clock_now_ms()};
	struct event *events[4] = {0};
	int rc = 0;

	events[0] = evsignal_new(n->base, SIGTERM, on_signal, n);
	events[1] = evsignal_new(n->base, SIGINT, on_signal, n);
	if (events[0] == NULL || events[1] == NULL || event_add(events[0], NULL) != 0 ||
		event_add(events[1], NULL) != 0)
		rc = -1;
	if (rc == 0 && (add_tick(&loop) != 0 || add_timer(n, on_link, LINK_POLL_MS, &events[2]) != 0 ||
			       add_timer(n, on_sync, SYNC_MS, &events[3]) != 0))
		rc = -1;
	if (rc != 0) {
		log_error("nvad", "no memory for the control loop");
	} else {
		signal(SIGPIPE, SIG_IGN);
		log_info("nvad", "ready: %zu ports, %u workers, %zu BGP peers", n->conf->n_ports,
			workers_count(n->workers), n->conf->bgp.n_peers);
		let_signals(SIG_UNBLOCK);
		event_base_dispatch(n->base);
		let_signals(SIG_BLOCK);
	}
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (events[i] != NULL)
			event_free(events[i]);
	}
	if (loop.tick != NULL)
		event_free(loop.tick);
	if (loop.kernel != NULL)
		event_free(loop.kernel);
	return rc;
}
