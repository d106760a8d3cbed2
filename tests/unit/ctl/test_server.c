/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The server on a real socket: orderly clients, and the others. The event loop runs in this thread,
 * turn by turn, between non-blocking reads and writes of the clients.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/ctl.h"
#include "ctl/server.h"

static struct event_base *base;
static struct ctl *server;
static char dir[64], path[96], err[256];

static struct ctl_server_conf conf = {
	.path = path,
	.group = "",
	.table = &test_table,
	.max_clients = 4,
	.max_line = 4096,
	.read_timeout_ms = 300,
	.write_timeout_ms = 300,
};

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/nvad-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	base = event_base_new();
	server = ctl_server_new(base, &conf, err, sizeof(err));
	assert_non_null(server);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ctl_free(server);
	event_base_free(base);
	assert_int_equal(access(path, F_OK), -1); /* it removes its file */
	assert_int_equal(rmdir(dir), 0);
	return 0;
}

static void turn(void)
{
	struct timeval tv = {.tv_usec = 2000};

	event_base_loopexit(base, &tv);
	event_base_dispatch(base);
}

static int connect_client(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(sun.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return fd;
}

static void say(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0) {
			assert_int_equal(errno, EAGAIN);
			turn();
			continue;
		}
		text += n;
		len -= (size_t)n;
	}
}

/* The next line, parsed; NULL where the server closed. */
static json_t *hear(int fd)
{
	static char line[1 << 20];
	uint64_t end = clock_now_ms() + 5000;
	size_t len = 0;

	while (clock_now_ms() < end) {
		ssize_t n = recv(fd, line + len, 1, 0);

		if (n == 0 || (n < 0 && errno == ECONNRESET)) {
			assert_int_equal(len, 0);
			return NULL;
		}
		if (n < 0) {
			turn();
			continue;
		}
		if (line[len++] == '\n') {
			json_t *reply = json_loadb(line, len, 0, NULL);

			assert_non_null(reply);
			return reply;
		}
		assert_true(len < sizeof(line));
	}
	fail_msg("no answer in 5 s");
	return NULL;
}

static void expect_code(int fd, const char *code)
{
	json_t *reply = hear(fd);

	assert_non_null(reply);
	assert_string_equal(json_string_value(json_object_get(json_object_get(reply, "error"), "code")),
		code);
	json_decref(reply);
}

static void expect_rows(int fd, size_t rows)
{
	json_t *reply = hear(fd);

	assert_non_null(reply);
	assert_int_equal(json_array_size(json_object_get(reply, "rows")), rows);
	json_decref(reply);
}

static void expect_closed(int fd)
{
	assert_null(hear(fd));
	close(fd);
}

#define SAY(fd, text) say(fd, text, strlen(text))

static void test_question_and_answer(void **state)
{
	int fd = connect_client();
	struct stat st;
	(void)state;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	SAY(fd, "{\"command\":\"show count\"}\n");
	expect_rows(fd, 3);
	SAY(fd, "{\"command\":\"show bgp failure\"}\n");
	expect_code(fd, "not-found");
	/* Several at once are answered one after the other. */
	SAY(fd, "{\"command\":\"show count\",\"args\":{\"rows\":1}}\n"
		"{\"command\":\"show count\",\"args\":{\"rows\":2}}\n");
	expect_rows(fd, 1);
	expect_rows(fd, 2);
	close(fd);
}

static void test_long_listing_comes_in_slices(void **state)
{
	int fd = connect_client();
	size_t rows = 0, slices = 0;
	bool more = true;
	(void)state;

	SAY(fd, "{\"command\":\"show count\",\"args\":{\"rows\":20000}}\n");
	while (more) {
		json_t *reply = hear(fd);
		size_t n = json_array_size(json_object_get(reply, "rows"));

		assert_true(n <= CTL_SLICE_ROWS);
		rows += n;
		slices++;
		more = json_is_true(json_object_get(reply, "more"));
		json_decref(reply);
	}
	assert_int_equal(rows, 20000);
	assert_int_equal(slices, (20000 + CTL_SLICE_ROWS - 1) / CTL_SLICE_ROWS);
	close(fd);
}

static void test_half_close_is_answered(void **state)
{
	int fd = connect_client();
	(void)state;

	SAY(fd, "{\"command\":\"show count\"}\n");
	shutdown(fd, SHUT_WR);
	expect_rows(fd, 3);
	expect_closed(fd);
}

static void test_garbage(void **state)
{
	unsigned int seed = getenv("NVAD_TEST_SEED") != NULL
		? (unsigned int)strtoul(getenv("NVAD_TEST_SEED"), NULL, 10) : (unsigned int)clock_now_ns();
	int fd;
	(void)state;

	print_message("NVAD_TEST_SEED=%u\n", seed);
	srand(seed);
	for (int round = 0; round < 50; round++) {
		char junk[512];
		size_t len = 1 + (size_t)rand() % sizeof(junk);

		for (size_t i = 0; i < len; i++)
			junk[i] = (char)rand();
		junk[len - 1] = '\n';
		fd = connect_client();
		say(fd, junk, len);
		for (size_t i = 0; i < len; i++)
			if (junk[i] == '\n')
				expect_code(fd, "bad-request");
		SAY(fd, "{\"command\":\"show count\"}\n");
		expect_rows(fd, 3);
		close(fd);
	}
}

static void test_line_too_long(void **state)
{
	char text[5000];
	int fd = connect_client();
	(void)state;

	memset(text, 'x', sizeof(text));
	say(fd, text, sizeof(text));
	expect_code(fd, "too-long");
	expect_closed(fd);

	/* Within the limit it is only wrong. */
	fd = connect_client();
	text[4000] = '\n';
	say(fd, text, 4001);
	expect_code(fd, "bad-request");
	close(fd);
}

static void test_partial_line_then_gone(void **state)
{
	int fd = connect_client();
	(void)state;

	SAY(fd, "{\"command\":");
	turn();
	close(fd);
	turn();
	fd = connect_client();
	SAY(fd, "{\"command\":\"show count\"}\n");
	expect_rows(fd, 3);
	close(fd);
}

static void test_silent_client_is_closed(void **state)
{
	int fd = connect_client();
	(void)state;

	SAY(fd, "{\"comm");
	expect_closed(fd);
}

/* It asks for far more than the socket buffers hold, and never reads: others are served meanwhile,
 * and it is closed after the timeout. */
static void test_client_that_never_reads(void **state)
{
	int fd = connect_client(), other;
	uint64_t start = clock_now_ms();
	char buf[65536];
	size_t total = 0;
	ssize_t n;
	(void)state;

	SAY(fd, "{\"command\":\"show count\",\"args\":{\"rows\":4000000}}\n");
	for (int i = 0; i < 20; i++)
		turn();
	other = connect_client();
	SAY(other, "{\"command\":\"show count\"}\n");
	expect_rows(other, 3);
	close(other);
	while (clock_now_ms() < start + 1000)
		turn();
	/* What the kernel held is all that was ever made for it. */
	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0)
		total += (size_t)n;
	assert_true(n == 0 || errno == ECONNRESET);
	assert_true(total < 4u << 20);
	close(fd);
}

static void test_too_many_clients(void **state)
{
	int fd[5];
	(void)state;

	for (int i = 0; i < 5; i++) {
		fd[i] = connect_client();
		turn();
	}
	expect_code(fd[4], "busy");
	expect_closed(fd[4]);
	SAY(fd[0], "{\"command\":\"show count\"}\n");
	expect_rows(fd[0], 3);
	for (int i = 0; i < 4; i++)
		close(fd[i]);
	turn();
	fd[0] = connect_client();
	SAY(fd[0], "{\"command\":\"show count\"}\n");
	expect_rows(fd[0], 3);
	close(fd[0]);
}

static void test_socket_file(void **state)
{
	struct ctl_server_conf other = conf;
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct ctl *second;
	char name[128];
	int fd;
	(void)state;

	/* In use: refused, and the file stays. */
	assert_null(ctl_server_new(base, &other, err, sizeof(err)));
	assert_int_equal(errno, EADDRINUSE);
	assert_non_null(strstr(err, "another nvad answers there"));
	fd = connect_client();
	SAY(fd, "{\"command\":\"show count\"}\n");
	expect_rows(fd, 3);
	close(fd);

	/* Left behind by a crash: replaced. */
	snprintf(name, sizeof(name), "%s/stale", dir);
	other.path = name;
	strcpy(sun.sun_path, name);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	close(fd);
	second = ctl_server_new(base, &other, err, sizeof(err));
	assert_non_null(second);
	ctl_free(second);
	assert_int_equal(access(name, F_OK), -1);

	/* Not a socket: never touched. */
	fd = open(name, O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_null(ctl_server_new(base, &other, err, sizeof(err)));
	assert_non_null(strstr(err, "not a socket"));
	assert_int_equal(unlink(name), 0);

	/* No such directory; no such group. */
	other.path = "/nonexistent/s";
	assert_null(ctl_server_new(base, &other, err, sizeof(err)));
	assert_non_null(strstr(err, "does its directory exist"));
	other.path = name;
	other.group = "no-such-group-here";
	assert_null(ctl_server_new(base, &other, err, sizeof(err)));
	assert_non_null(strstr(err, "no group 'no-such-group-here'"));
}

/* Another user: the file's mode keeps it out, and where that was loosened, its credentials do. */
static void test_credentials(void **state)
{
	int fd, pair[2];
	char code[2] = "";
	pid_t child;
	(void)state;

	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(pipe(pair), 0);
	child = fork();
	if (child == 0) {
		struct sockaddr_un sun = {.sun_family = AF_UNIX};

		strcpy(sun.sun_path, path);
		if (setgid(65534) < 0 || setuid(65534) < 0)
			_exit(1);
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
			_exit(2);
		if (write(pair[1], "c", 1) != 1)
			_exit(3);
		char text[512];
		ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

		text[n > 0 ? n : 0] = '\0';
		_exit(strstr(text, "\"denied\"") != NULL ? 42 : 4);
	}
	assert_int_equal(read(pair[0], code, 1), 1);
	int status = 0;

	for (int i = 0; i < 500 && waitpid(child, &status, WNOHANG) == 0; i++)
		turn();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
	close(pair[0]);
	close(pair[1]);
}

/* A command whose rows are not there yet is asked again each millisecond, not all the time; meanwhile
 * others are served, and what its own client says waits. */
static void test_waiting(void **state)
{
	int fd = connect_client(), other = connect_client();
	uint64_t start = clock_now_ms();
	json_t *reply;
	(void)state;

	test_wait_calls = test_wait_ended = 0;
	SAY(fd, "{\"command\":\"show wait 50\"}\n{\"command\":\"show count\"}\n");
	turn();
	SAY(other, "{\"command\":\"show count\"}\n");
	expect_rows(other, 3);
	close(other);
	assert_true(test_wait_calls <= 50);
	for (unsigned int i = 0; i < 10; i++) {
		SAY(fd, " ");
		turn();
	}
	SAY(fd, "{\"command\":\"show count\"}\n");
	reply = hear(fd);
	assert_int_equal(json_array_size(json_object_get(reply, "rows")), 1);
	assert_true(json_is_true(json_object_get(reply, "more")));
	json_decref(reply);
	reply = hear(fd);
	assert_int_equal(json_array_size(json_object_get(reply, "rows")), 1);
	assert_true(json_is_false(json_object_get(reply, "more")));
	json_decref(reply);
	assert_true(clock_now_ms() - start >= 95);
	assert_int_equal(test_wait_calls, 102);
	assert_int_equal(test_wait_ended, 1);
	expect_rows(fd, 3);
	expect_rows(fd, 3);
	/* Gone while it waits: the call ends with its client, as with the server (teardown). */
	SAY(fd, "{\"command\":\"show wait 1000000\"}\n");
	other = connect_client();
	SAY(other, "{\"command\":\"show wait 10\"}\n");
	turn();
	shutdown(other, SHUT_WR);
	expect_rows(other, 1);
	expect_rows(other, 1);
	expect_closed(other);
	assert_int_equal(test_wait_ended, 2);
	close(fd);
}

/* In a child, as another user of a group: 42 where the answer holds the text. */
static int ask_as(uid_t uid, gid_t gid, const char *line, const char *text)
{
	int status = 0, fd;
	pid_t child = fork();

	if (child == 0) {
		struct sockaddr_un sun = {.sun_family = AF_UNIX};
		char answer[2048];
		ssize_t n;

		strcpy(sun.sun_path, path);
		if (setgid(gid) < 0 || setuid(uid) < 0)
			_exit(1);
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
			_exit(2);
		if (send(fd, line, strlen(line), 0) != (ssize_t)strlen(line))
			_exit(3);
		n = recv(fd, answer, sizeof(answer) - 1, 0);
		answer[n > 0 ? n : 0] = '\0';
		_exit(strstr(answer, text) != NULL ? 42 : 4);
	}
	for (int i = 0; i < 500 && waitpid(child, &status, WNOHANG) == 0; i++)
		turn();
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The group may look; what changes something is for root and our own user. */
static void test_permission(void **state)
{
	struct ctl_server_conf other = conf;
	char name[128];
	struct ctl *second;
	(void)state;

	if (geteuid() != 0)
		skip();
	snprintf(name, sizeof(name), "%s/group", dir);
	other.path = name;
	other.group = "nogroup";
	assert_int_equal(chmod(dir, 0755), 0);
	second = ctl_server_new(base, &other, err, sizeof(err));
	assert_non_null(second);
	strcpy(path, name);
	assert_int_equal(ask_as(65534, 65534, "{\"command\":\"show count\"}\n", "a row of some length"), 42);
	assert_int_equal(ask_as(65534, 65534, "{\"command\":\"modify\"}\n", "\"code\":\"permission\""), 42);
	assert_int_equal(ask_as(65534, 65534, "{\"command\":\"modify\"}\n", "not for uid 65534"), 42);
	assert_int_equal(ask_as(0, 0, "{\"command\":\"modify\"}\n", "\"number\":0"), 42);
	ctl_free(second);
	snprintf(path, sizeof(path), "%s/s", dir);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_question_and_answer),
		TEST(test_long_listing_comes_in_slices),
		TEST(test_half_close_is_answered),
		TEST(test_garbage),
		TEST(test_line_too_long),
		TEST(test_partial_line_then_gone),
		TEST(test_silent_client_is_closed),
		TEST(test_client_that_never_reads),
		TEST(test_too_many_clients),
		TEST(test_socket_file),
		TEST(test_credentials),
		TEST(test_waiting),
		TEST(test_permission),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
