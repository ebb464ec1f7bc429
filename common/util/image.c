/* See image.h. */
#include "common/util/image.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int kept[IMAGE_KEEP_MAX], n_kept;

void image_keep(int fd)
{
	if (fd > STDERR_FILENO && n_kept < IMAGE_KEEP_MAX)
		kept[n_kept++] = fd;
}

void image_again(char *const argv[])
{
	static const char gone[] = " (deleted)"; /* the kernel's mark: another build stands there */
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	/* by the exec, not now: other threads may be in the middle of using them */
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	for (int i = 0; i < n_kept; i++)
		fcntl(kept[i], F_SETFD, 0);
	if (n > 0) {
		path[n] = '\0';
		n -= (ssize_t)sizeof(gone) - 1;
		if (n > 0 && strcmp(path + n, gone) == 0)
			path[n] = '\0';
		execv(path, argv); /* under its own name: through /proc it would be called "exe" */
	}
	execv("/proc/self/exe", argv);
}
