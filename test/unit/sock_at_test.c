/* Where a program listens: addresses and paths as texts, and a Unix socket's file that is in the way. */
#include "common/util/sock_at.h"
#include "test/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void addresses(void **state)
{
	static const struct {
		const char *text;
		bool remote, any_port;
	} good[] = {{"127.0.0.1:9417", false, false}, {"127.9.9.9:0", false, true},
		{"0.0.0.0:1", true, false}, {"10.0.0.1:65535", true, false},
		{"[::1]:9417", false, false}, {"[::]:0", true, true},
		{"[::ffff:127.0.0.1]:1", true, false}};
	static const char *const bad[] = {"", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x",
		"127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1", "127.0.0.1: 1", "127.0.0.1:1 ",
		"127.0.0.1:18446744073709551617", ":1", "9417", "::1:1", "[::1]",
		"[::1]:", "[::1]1", "[::1:1", "[]:1", "[127.0.0.1]:1", "localhost:1", "127.1:1",
		"]:1", "[:1", "127.0.0.1.127.0.0.1.127.0.0.1.127.0.0.1.127.0.0.1.127.0.0.1:1"};
	struct sock_at at;
	char text[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_true(sock_at_tcp(&at, good[i].text));
		assert_int_equal(sock_at_remote(&at), good[i].remote);
		assert_int_equal(sock_at_any_port(&at), good[i].any_port);
		sock_at_text(&at, text, sizeof(text));
		assert_string_equal(text, good[i].text);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (sock_at_tcp(&at, bad[i]))
			fail_msg("'%s' was taken", bad[i]);
	}
}

static void paths(void **state)
{
	char path[SOCK_AT_PATH_MAX + 1], text[SOCK_AT_PATH_MAX + 1];
	struct sock_at at;

	(void)state;
	memset(path, 'x', sizeof(path));
	assert_false(sock_at_local(&at, path, sizeof(path)));
	assert_false(sock_at_local(&at, path, 0));
	assert_true(sock_at_local(&at, path, SOCK_AT_PATH_MAX));
	assert_false(sock_at_remote(&at) || sock_at_any_port(&at));
	sock_at_text(&at, text, sizeof(text));
	assert_int_equal(strlen(text), SOCK_AT_PATH_MAX);
	assert_memory_equal(text, path, SOCK_AT_PATH_MAX);
	assert_true(sock_at_local(&at, "/run/x,mode=0600", strlen("/run/x")));
	assert_string_equal(at.addr.local.sun_path, "/run/x");
}

static void a_port_that_is_free(void **state)
{
	struct sock_at at, got;
	int fd;

	(void)state;
	assert_true(sock_at_tcp(&at, "127.0.0.1:0"));
	fd = sock_at_bind(&at, 0);
	assert_true(fd >= 0);
	assert_int_equal(sock_at_of(fd, &got), 0);
	assert_false(sock_at_any_port(&got));
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(sock_at_bind(&got, 0), -EADDRINUSE);
	close(fd);
	fd = sock_at_bind(&got, 0); /* at once again */
	assert_true(fd >= 0);
	close(fd);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode;
}

static void what_is_in_a_sockets_way(void **state)
{
	char dir[] = "/tmp/w17-sock-at-XXXXXX", path[64], link_path[64];
	mode_t was = umask(0);
	struct sock_at at, got;
	int fd, file;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	snprintf(link_path, sizeof(link_path), "%s/l", dir);
	assert_true(sock_at_local(&at, path, strlen(path)));
	fd = sock_at_bind(&at, 0640);
	assert_true(fd >= 0);
	assert_int_equal(mode_of(path), S_IFSOCK | 0640);
	assert_int_equal(sock_at_of(fd, &got), 0);
	assert_string_equal(got.addr.local.sun_path, path);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(sock_at_bind(&at, 0600), -EADDRINUSE); /* it lives */
	assert_int_equal(mode_of(path), S_IFSOCK | 0640);
	close(fd);
	fd = sock_at_bind(&at, 0600); /* it is left over */
	assert_true(fd >= 0);
	assert_int_equal(mode_of(path), S_IFSOCK | 0600);
	close(fd);
	assert_int_equal(symlink(path, link_path), 0);
	assert_true(sock_at_local(&at, link_path, strlen(link_path)));
	assert_int_equal(sock_at_bind(&at, 0600), -EADDRINUSE); /* it is another's way to it */
	assert_int_equal(unlink(link_path), 0);
	file = open(link_path, O_CREAT | O_EXCL | O_CLOEXEC | O_WRONLY, 0600);
	assert_true(file >= 0);
	close(file);
	assert_int_equal(sock_at_bind(&at, 0600), -EADDRINUSE); /* it is no socket */
	assert_int_equal(mode_of(link_path), S_IFREG | 0600);
	assert_int_equal(umask(was), 0); /* as it was */
	unlink(link_path);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(paths),
		cmocka_unit_test(a_port_that_is_free),
		cmocka_unit_test(what_is_in_a_sockets_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
