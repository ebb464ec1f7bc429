/* What the exporter reads itself of a request and of its command line: Authorization, numbers of
 * queries and of Last-Event-ID, --listen. Each is held against a plain second opinion. */
#include "stats-exporter/http.h"
#include "test/fuzz/fuzz.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define TOKEN "s3cret-of-the-lab"
#define TEXT_MAX 1024

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char path[] = "/tmp/w17-fuzz-token-XXXXXX", why[WHY_MAX];
	int fd = mkstemp(path);

	(void)argc;
	(void)argv;
	MUST(fd >= 0 && write(fd, TOKEN "\n", sizeof(TOKEN)) == sizeof(TOKEN));
	MUST(access_load(path, why) == 0);
	MUST(fchmod(fd, 0604) == 0 && access_load(path, why) != 0);
	close(fd);
	unlink(path);
	return 0;
}

/* Bit by bit; false: a character that is none of it. */
static bool decode(const char *s, char *out, size_t *n)
{
	size_t len = strlen(s), bits;

	while (len > 0 && s[len - 1] == '=')
		len--;
	bits = len * 6 / 8 * 8;
	memset(out, 0, len + 1);
	for (size_t i = 0; i < len; i++) {
		const char *at = strchr(digits, s[i]);

		if (at == NULL)
			return false;
		for (size_t b = 0; b < 6; b++) {
			size_t to = i * 6 + b;

			if (to < bits && ((at - digits) >> (5 - b) & 1) != 0)
				out[to / 8] = (char)(out[to / 8] | 0x80 >> to % 8);
		}
	}
	*n = bits / 8;
	return true;
}

static bool is_token(const char *s, size_t n)
{
	return n == strlen(TOKEN) && memcmp(s, TOKEN, n) == 0;
}

/* Behind a scheme and its spaces; NULL: another scheme. */
static const char *behind(const char *value, const char *scheme)
{
	size_t n = strlen(scheme);

	for (size_t i = 0; i < n; i++) {
		if (tolower((unsigned char)value[i]) != scheme[i])
			return NULL;
	}
	if (value[n] != ' ')
		return NULL;
	for (value += n; *value == ' ';)
		value++;
	return value;
}

static bool should_pass(const char *value)
{
	const char *said = behind(value, "bearer");
	char text[TEXT_MAX], *colon;
	size_t n;

	if (said != NULL)
		return is_token(said, strlen(said));
	said = behind(value, "basic");
	if (said == NULL || !decode(said, text, &n))
		return false;
	colon = memchr(text, ':', n);
	return colon != NULL && n <= 64 + 256 + 1
		&& is_token(colon + 1, n - (size_t)(colon + 1 - text));
}

/* Whoever the user is. */
static void must_pass(const uint8_t *user, size_t n)
{
	char text[128], value[256] = "Basic ";
	size_t at = strlen(value), len;

	n = MIN_OF(n, (size_t)64);
	if (memchr(user, ':', n) != NULL)
		return;
	memcpy(text, user, n);
	len = n + (size_t)snprintf(text + n, sizeof(text) - n, ":%s", TOKEN);
	for (size_t bit = 0; bit < len * 8; bit += 6) {
		unsigned int v = 0;

		for (size_t b = bit; b < bit + 6; b++)
			v = v << 1
				| (b < len * 8 ? (unsigned char)text[b / 8] >> (7 - b % 8) & 1 : 0);
		value[at++] = digits[v];
	}
	MUST(access_ok(value));
}

static void number(const char *text)
{
	uint64_t v = 7, min = 200, max = 60000;
	uint64_t want;
	bool ok = number_of(text, 0, UINT64_MAX, &v);
	size_t n = strlen(text);

	if (!ok) {
		MUST(v == 7);
		MUST(n == 0 || strspn(text, "0123456789") != n || n >= 20);
		return;
	}
	MUST(strspn(text, "0123456789") == n);
	MUST(sscanf(text, "%" SCNu64, &want) == 1 && want == v);
	MUST(number_of(text, min, max, &v) == (v >= min && v <= max));
}

static void where(const char *text)
{
	struct listen_at at;
	char why[WHY_MAX] = "";
	const struct sockaddr_un *un = &at.where.addr.local;

	if (listen_parse(&at, text, why) != 0) {
		MUST(strstr(why, "--listen: expected") == why);
	} else if (at.where.addr.any.sa_family == AF_UNIX) {
		MUST(un->sun_path[0] == '/' && (at.mode & ~(mode_t)0777) == 0);
		MUST(strncmp(text + strlen("unix:"), un->sun_path, strlen(un->sun_path)) == 0);
		MUST(listen_local(&at));
	} else {
		MUST(at.where.addr.any.sa_family == AF_INET
			|| at.where.addr.any.sa_family == AF_INET6);
	}
	listen_parse_port(&at, text, why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[TEXT_MAX] = "";

	memcpy(text, data, MIN_OF(size, sizeof(text) - 1));
	MUST(access_ok(text) == should_pass(text));
	must_pass(data, size);
	number(text);
	where(text);
	return 0;
}
