/* Who may ask: the token of --token-file, and how files are read that others must not know. */
#include "stats-exporter/http.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN_MAX 256
#define USER_MAX 64 /* of Basic, which may be anything */
#define OTHERS (S_IROTH | S_IWOTH | S_IXOTH)

static struct {
	pthread_mutex_t lock;
	bool needed;
	char text[TOKEN_MAX + 1];
} token = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* What is wrong with an open file; NULL: nothing. */
static const char *wrong_with(int fd, bool secret, size_t max, size_t *len)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "it is no regular file";
	if (secret && (st.st_mode & OTHERS) != 0)
		return "everybody can read or change it: chmod o= helps";
	if ((size_t)st.st_size > max)
		return "it is too large";
	*len = (size_t)st.st_size;
	return NULL;
}

char *access_file(
	const char *name, const char *path, bool secret, size_t max, size_t *len, char *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	const char *wrong = fd < 0 ? strerror(errno) : wrong_with(fd, secret, max, len);
	char *text = wrong ? NULL : calloc(1, *len + 1);

	if (wrong == NULL && (text == NULL || read(fd, text, *len) != (ssize_t)*len)) {
		wrong = text ? "it changes while it is read" : strerror(ENOMEM);
		free(text);
		text = NULL;
	}
	if (wrong != NULL)
		snprintf(why, WHY_MAX, "%s %.120s: %s", name, path, wrong);
	if (fd >= 0)
		close(fd);
	return text;
}

/* Its length without the white space around the end; 0: it is none. */
static size_t token_len(const char *text, size_t len)
{
	while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL)
		len--;
	for (size_t i = 0; i < len; i++) {
		if (text[i] <= ' ' || text[i] > '~')
			return 0;
	}
	return len <= TOKEN_MAX ? len : 0;
}

int access_load(const char *file, char *why)
{
	size_t len;
	char *text;

	if (file == NULL)
		return 0;
	text = access_file("--token-file", file, true, TOKEN_MAX * 2, &len, why);
	if (text == NULL)
		return -EINVAL;
	len = token_len(text, len);
	if (len > 0) {
		pthread_mutex_lock(&token.lock);
		memset(token.text, 0, sizeof(token.text));
		memcpy(token.text, text, len);
		token.needed = true;
		pthread_mutex_unlock(&token.lock);
	} else {
		snprintf(why, WHY_MAX,
			"--token-file %.120s: expected one line of 1 to %d visible ASCII "
			"characters",
			file, TOKEN_MAX);
	}
	explicit_bzero(text, len);
	free(text);
	return len > 0 ? 0 : -EINVAL;
}

/* Takes as long whatever is said: always all bytes. */
static bool is_token(const char *said, size_t len)
{
	char theirs[sizeof(token.text)] = {0};
	int differ;

	memcpy(theirs, said,
		MIN_OF(len, sizeof(theirs))); /* one that is longer has no zero at the end */
	pthread_mutex_lock(&token.lock);
	differ = gnutls_memcmp(theirs, token.text, sizeof(theirs));
	pthread_mutex_unlock(&token.lock);
	return differ == 0 && memchr(said, '\0', len) == NULL;
}

static int base64_digit(char c)
{
	static const char
		digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* RFC 4648; how many bytes, or -1 when it is none or too long. */
static int base64(const char *s, unsigned char *out, size_t max)
{
	size_t len = strlen(s), n = 0;
	uint32_t bits = 0;

	while (len > 0 && s[len - 1] == '=')
		len--;
	for (size_t i = 0; i < len; i++) {
		int d = base64_digit(s[i]);

		if (d < 0 || n >= max)
			return -1;
		bits = bits << 6 | (uint32_t)d;
		if (i % 4 != 0)
			out[n++] = (unsigned char)(bits >> (6 - i % 4 * 2));
	}
	return (int)n;
}

/* What follows the scheme and spaces; NULL: it is another scheme. */
static const char *scheme(const char *value, const char *name)
{
	size_t len = strlen(name);

	if (strncasecmp(value, name, len) != 0 || value[len] != ' ')
		return NULL;
	return value + len + strspn(value + len, " ");
}

bool access_ok(const char *authorization)
{
	unsigned char basic[USER_MAX + TOKEN_MAX + 1];
	const char *said;
	int n;

	if (!token.needed) /* set before there are threads, for good */
		return true;
	if (authorization == NULL)
		return false;
	said = scheme(authorization, "Bearer");
	if (said != NULL)
		return is_token(said, strlen(said));
	said = scheme(authorization, "Basic");
	n = said ? base64(said, basic, sizeof(basic)) : -1;
	for (int i = 0; i < n; i++) {
		if (basic[i] == ':')
			return is_token((const char *)basic + i + 1, (size_t)(n - i - 1));
	}
	return false;
}
