/* Files of records: what is in them is whole, whatever becomes of the disk or of us. */
#include "stats-exporter/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODE 0644
#define LOOK_BACK 65536

static int write_all(int fd, const char *text, size_t len)
{
	while (len != 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Where the last whole line of size bytes ends. */
static off_t lines_end(int fd, off_t size)
{
	char buf[LOOK_BACK];

	while (size > 0) {
		off_t from = size > LOOK_BACK ? size - LOOK_BACK : 0;
		ssize_t n = pread(fd, buf, (size_t)(size - from), from);
		const char *nl = n > 0 ? memrchr(buf, '\n', (size_t)n) : NULL;

		if (nl != NULL)
			return from + (nl - buf) + 1;
		if (n <= 0)
			return -1;
		size = from;
	}
	return 0;
}

/* Is it ours? A file that is shorter than its beginning may be what a full disk left of that. */
static bool ours(const struct sink *s, int fd, off_t size)
{
	char *begins = malloc(strlen(s->begins) + 1);
	size_t n = MIN_OF(strlen(s->begins), (size_t)size);
	bool yes = begins != NULL && pread(fd, begins, n, 0) == (ssize_t)n
		&& memcmp(begins, s->begins, n) == 0;

	free(begins);
	return yes;
}

static int mend(struct sink *s, uint64_t *cut)
{
	struct stat st;
	off_t end;

	if (fstat(s->fd, &st) != 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return 0;
	if (!ours(s, s->fd, st.st_size))
		return -EEXIST;
	end = lines_end(s->fd, st.st_size);
	if (end < 0)
		return -EIO;
	*cut = (uint64_t)(st.st_size - end);
	return *cut == 0 || ftruncate(s->fd, end) == 0 ? 0 : -errno;
}

int sink_open(struct sink *s, uint64_t *cut)
{
	int rc;

	*cut = 0;
	if (s->path == NULL) {
		s->fd = STDOUT_FILENO;
		return 0;
	}
	if (s->replace) /* each record opens its own */
		return 0;
	s->fd = open(s->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, MODE);
	if (s->fd < 0
		&& (errno == EACCES
			|| errno == EINVAL)) /* a pipe, or a file that is not for reading */
		s->fd = open(s->path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY);
	if (s->fd < 0)
		return -errno;
	rc = mend(s, cut);
	if (rc != 0)
		sink_close(s);
	return rc;
}

void sink_close(struct sink *s)
{
	if (s->fd >= 0 && s->path != NULL)
		close(s->fd);
	s->fd = -1;
}

static void name(char *buf, size_t size, const char *path, uint32_t n)
{
	if (n == 0)
		snprintf(buf, size, "%s", path);
	else
		snprintf(buf, size, "%s.%u", path, n);
}

/* F.2 becomes F.3, F.1 F.2, F F.1; those beyond what is kept go. */
static int rotate(struct sink *s)
{
	char from[4096], to[4096];
	uint64_t cut;

	for (uint32_t i = s->keep; i > 0; i--) {
		name(from, sizeof(from), s->path, i - 1);
		name(to, sizeof(to), s->path, i);
		if (rename(from, to) != 0 && errno != ENOENT)
			return -errno;
	}
	if (s->keep == 0 && unlink(s->path) != 0 && errno != ENOENT)
		return -errno;
	sink_close(s);
	return sink_open(s, &cut);
}

static int file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, MODE);
	int rc = fd < 0 ? -errno : write_all(fd, text, strlen(text));

	if (fd >= 0 && close(fd) != 0 && rc == 0)
		rc = -errno;
	return rc;
}

/* The newest record instead of the one before: whoever reads sees one whole. What is no file (a device, a link
 * to one) stays what it is. */
static int replace(const struct sink *s, const char *text)
{
	char tmp[4096];
	struct stat st;
	int rc;

	if (lstat(s->path, &st) == 0 && !S_ISREG(st.st_mode))
		return file_write(s->path, text);
	snprintf(tmp, sizeof(tmp), "%s.new", s->path);
	rc = file_write(tmp, text);
	if (rc == 0 && rename(tmp, s->path) != 0)
		rc = -errno;
	if (rc != 0)
		unlink(tmp);
	return rc;
}

/* Where the next byte of a regular file will go; -1: it is none. */
static off_t place(int fd)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return -1;
	return flags >= 0 && (flags & O_APPEND) ? st.st_size : lseek(fd, 0, SEEK_CUR);
}

static int append(struct sink *s, const char *text)
{
	off_t at = place(s->fd);
	bool head = s->header != NULL && (at == 0 || (at < 0 && !s->headed));
	int rc = head ? write_all(s->fd, s->header, strlen(s->header)) : 0;

	if (rc == 0)
		rc = write_all(s->fd, text, strlen(text));
	if (rc == 0)
		s->headed = true;
	else if (at >= 0 && ftruncate(s->fd, at) == 0)
		lseek(s->fd, at, SEEK_SET);
	return rc;
}

int sink_put(struct sink *s, const char *text)
{
	uint64_t cut;
	off_t at;
	int rc = 0;

	if (s->replace && s->path != NULL)
		return replace(s, text);
	if (s->fd < 0)
		rc = sink_open(s, &cut);
	at = rc == 0 && s->path != NULL && s->rotate_bytes != 0 ? place(s->fd) : 0;
	if (at > 0 && (uint64_t)at + strlen(text) > s->rotate_bytes)
		rc = rotate(s);
	return rc != 0 ? rc : append(s, text);
}
