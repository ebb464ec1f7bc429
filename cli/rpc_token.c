/* The word that clients of another machine have to say. */
#include "cli/rpc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Only its owner can read it, who is us or root. */
static const char *unsafe(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return "is no file";
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return "belongs to somebody else";
	return st.st_mode & 077 ? "can be read by others: chmod 600 it" : NULL;
}

int rpc_token_read(const char *path, char token[RPC_TOKEN_MAX], char *why, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const char *wrong = fd < 0 ? strerror(errno) : unsafe(fd);
	char text[RPC_TOKEN_MAX + 1] = "";
	size_t n = 0;

	if (wrong == NULL && read(fd, text, sizeof(text) - 1) < 0)
		wrong = strerror(errno);
	if (fd >= 0)
		close(fd);
	while (text[n] > ' ' && text[n] < 127)
		n++;
	if (wrong == NULL
		&& (n < RPC_TOKEN_MIN || n >= RPC_TOKEN_MAX
			|| text[n + strspn(text + n, "\r\n")] != '\0'))
		wrong = "does not hold a line of " TEXT_OF(
			RPC_TOKEN_MIN) " to 255 printable characters without blanks";
	memset(token, 0, RPC_TOKEN_MAX);
	if (wrong == NULL) {
		memcpy(token, text, n);
		return 0;
	}
	snprintf(why, len, "%.200s %s", path, wrong);
	return -EINVAL;
}

bool rpc_token_same(const char token[RPC_TOKEN_MAX], const char *said)
{
	char padded[RPC_TOKEN_MAX] = "";
	unsigned char differs = strlen(said) >= RPC_TOKEN_MAX;

	snprintf(padded, sizeof(padded), "%s", said);
	for (size_t i = 0; i < RPC_TOKEN_MAX; i++)
		differs |= (unsigned char)(token[i] ^ padded[i]);
	return differs == 0;
}
