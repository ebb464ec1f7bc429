/* What the pools take, before the EAL starts: a shortfall is one sentence, not a crash later. */
#include "common/abi/segment.h"
#include "engine/boot/boot.h"
#include "engine/lcore/lcore.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MB (1024ull * 1024)
#define TCBS_DEFAULT (512 * 1024u)
#define UCBS_DEFAULT (128 * 1024u)
#define MBUFS_DEFAULT (32 * 1024u)
#define POOL_FLOOR (16 * 1024u)
#define MBUFS_FLOOR (8 * 1024u)
#define OVERHEAD_MB 96 /* rings, device queues, the EAL's own, rounding to pages */

static uint64_t read_number(const char *path)
{
	uint64_t v = 0;
	FILE *f = fopen(path, "r");

	if (f == NULL)
		return 0;
	if (fscanf(f, "%" SCNu64, &v) != 1)
		v = 0;
	fclose(f);
	return v;
}

static uint64_t free_hugepages_mb(void)
{
	return read_number("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages") * 2
		+ read_number("/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages") * 1024;
}

static uint64_t mbuf_stride(const struct options *o)
{
	return 128 + 64 + 128 + o->mbuf_bytes + 64;
}

static uint64_t total_mb(const struct options *o, const struct memory_plan *p)
{
	uint64_t worker = lcore_bytes(p->tcbs, p->ucbs, p->n_ports) + p->mbufs * mbuf_stride(o);
	uint64_t apps = (uint64_t)p->n_ports * TCS_MAX * sizeof(struct app_tc);

	return (worker * p->n_workers + apps + seg_size(p->n_ports, p->n_workers)) / MB
		+ OVERHEAD_MB;
}

int memory_plan(const struct cmdline *cl, struct memory_plan *p)
{
	const struct options *o = &cl->o;
	uint32_t wanted = cl->eal_has_lcores ? cl->n_lcores_wanted : 2;

	memset(p, 0, sizeof(*p));
	if (wanted < 2) {
		fprintf(stderr,
			"warp17: error: one lcore is not enough: the first manages, the others "
			"carry "
			"packets; give two, e.g. -l 0,1\n");
		return -EINVAL;
	}
	p->n_workers = MIN_OF(wanted - 1, WORKERS_MAX);
	p->n_ports = cl->n_devs + 2 * o->ring_pairs + o->taps;
	p->n_ports = MAX_OF(p->n_ports, 1u);
	p->tcbs = o->n_tcbs ? o->n_tcbs / p->n_workers : TCBS_DEFAULT / p->n_workers;
	p->ucbs = o->n_ucbs ? o->n_ucbs / p->n_workers : UCBS_DEFAULT / p->n_workers;
	p->mbufs = o->n_mbufs ? o->n_mbufs / p->n_workers : MBUFS_DEFAULT;
	p->tcbs = MAX_OF(p->tcbs, 64u);
	p->ucbs = MAX_OF(p->ucbs, 64u);
	p->free_mb = free_hugepages_mb();
	p->mb = total_mb(o, p);
	while (!o->print_memory && p->mb > p->free_mb) {
		uint32_t was = p->tcbs + p->ucbs + p->mbufs;

		if (o->n_tcbs == 0 && p->tcbs > POOL_FLOOR)
			p->tcbs /= 2;
		if (o->n_ucbs == 0 && p->ucbs > POOL_FLOOR)
			p->ucbs /= 2;
		if (o->n_mbufs == 0 && p->mbufs > MBUFS_FLOOR)
			p->mbufs /= 2;
		p->mb = total_mb(o, p);
		if (was == p->tcbs + p->ucbs + p->mbufs)
			break;
	}
	if (!o->print_memory && p->mb > p->free_mb) {
		fprintf(stderr,
			"warp17: error: needs %" PRIu64 " MB of hugepages, %" PRIu64
			" MB are free: add %" PRIu64
			" pages of 2 MB, e.g. scripts/hugepages ensure %" PRIu64 "\n",
			p->mb, p->free_mb, (p->mb - p->free_mb + 1) / 2, p->mb);
		return -ENOMEM;
	}
	return 0;
}

static void add(struct cmdline *cl, const char *a)
{
	cl->eal_argv[cl->eal_argc++] = strdup(a);
	cl->eal_argv[cl->eal_argc] = NULL;
}

void eal_args_complete(struct cmdline *cl, const struct memory_plan *plan)
{
	char mb[24];

	if (!cl->eal_has_prefix) {
		add(cl, "--file-prefix");
		add(cl, cl->o.prefix);
	}
	if (!cl->eal_has_lcores) {
		add(cl, "-l");
		add(cl, "0,1");
	}
	if (!cl->eal_has_mem) {
		snprintf(mb, sizeof(mb), "%" PRIu64, plan->mb);
		add(cl, "-m");
		add(cl, mb);
	}
	if (!cl->eal_has_dev)
		add(cl, "--no-pci");
	add(cl, EAL_SAME_LAYOUT);
	add(cl, "--no-telemetry");
	add(cl, "--log-level=lib.*:error");
	add(cl, "--log-level=pmd.*:error");
	add(cl, "--log-level=bus.*:error");
}
