/* See boot.h: memory that is there while a test case wants it. It is no hugetlbfs, of which all is
 * taken at boot, but huge where the kernel makes it so. */
#include "common/util/clock.h"
#include "common/util/compiler.h"
#include "engine/boot/boot.h"

#include <numa.h>

#include <errno.h>
#include <sys/mman.h>

#define STEP ((size_t)4 << 20)
#define READY_MS 200 /* start tests answers in a second; the rest comes when it is written */

#ifndef MADV_POPULATE_WRITE /* Linux 5.14 */
#define MADV_POPULATE_WRITE 23
#endif

void *lazy_reserve(size_t len, uint32_t node)
{
	char *at = mmap(NULL, len, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	madvise(at, len, MADV_HUGEPAGE);
	madvise(at, len, MADV_DONTDUMP);
	madvise(at, len, MADV_DONTFORK);
	if (numa_available() >= 0 && numa_max_node() > 0) {
		numa_set_bind_policy(0);
		numa_tonode_memory(at, len, (int)node);
	}
	return at;
}

int lazy_ready(void *at, size_t len)
{
	int64_t until = mono_ms() + READY_MS;

	for (size_t off = 0; off < len && mono_ms() < until; off += STEP) {
		if (madvise((char *)at + off, MIN_OF(STEP, len - off), MADV_POPULATE_WRITE) == 0)
			continue;
		if (errno == EINVAL) /* an older kernel */
			return 0;
		return -errno;
	}
	return 0;
}

void lazy_drop(void *at, size_t len)
{
	madvise(at, len, MADV_DONTNEED);
}
