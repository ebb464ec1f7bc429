/* The EAL's arguments: what we have to know of them before it starts, and those that are ours to
 * add. All spellings: -xV, -x V, --long=V, --long V. */
#include "common/abi/segment.h"
#include "engine/boot/boot.h"

#include <numa.h>

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int refuse(const char *opt, const char *given, const char *expected)
{
	fprintf(stderr, "warp17: error: EAL argument %s: '%s' given, expected %s\n", opt, given,
		expected);
	return -EINVAL;
}

static uint16_t node_of_cpu(int cpu)
{
	int node = numa_available() < 0 ? 0 : numa_node_of_cpu(cpu);

	return node < 0 || node >= NODES_MAX ? 0 : (uint16_t)node;
}

/* Keeps lcores in ascending order of their ids; twice the same is one. */
static bool lcore_add(struct eal_cmdline *eal, unsigned long id, int cpu)
{
	uint32_t at = 0;

	if (id >= LCORE_IDS_MAX)
		return false;
	while (at < eal->n_lcores && eal->lcore[at].id < id)
		at++;
	if (at < eal->n_lcores && eal->lcore[at].id == id)
		return true;
	memmove(&eal->lcore[at + 1], &eal->lcore[at], (eal->n_lcores - at) * sizeof(eal->lcore[0]));
	eal->lcore[at].id = (uint16_t)id;
	eal->lcore[at].node = node_of_cpu(cpu);
	eal->n_lcores++;
	return true;
}

/* "3" or "3-5"; where it ends, NULL when it is neither. */
static const char *range(const char *s, unsigned long *lo, unsigned long *hi)
{
	char *end;

	if (*s < '0' || *s > '9')
		return NULL;
	*lo = *hi = strtoul(s, &end, 10);
	if (*end == '-' && end[1] >= '0' && end[1] <= '9')
		*hi = strtoul(end + 1, &end, 10);
	return *hi < *lo || *hi >= CPU_SETSIZE ? NULL : end;
}

/* A number, a range, or a list of them in brackets, into a set; where it ends or NULL. */
static const char *set(const char *s, cpu_set_t *cpus)
{
	bool list = *s == '(';
	unsigned long lo, hi;

	CPU_ZERO(cpus);
	s += list;
	do {
		s = range(s, &lo, &hi);
		if (s == NULL)
			return NULL;
		for (unsigned long i = lo; i <= hi; i++)
			CPU_SET(i, cpus);
	} while (list && *s == ',' && *++s != '\0');
	return !list ? s : *s == ')' ? s + 1 : NULL;
}

static bool cpu_there(int cpu)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d", cpu);
	return access(path, F_OK) == 0;
}

/* The EAL says of a CPU that is not there no more than that it does not start. */
static int cpus_check(const char *opt, const char *v, const cpu_set_t *cpus)
{
	char expected[64];

	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, cpus) || cpu_there(i))
			continue;
		snprintf(expected, sizeof(expected), "CPUs of this machine, it has no CPU %d", i);
		return refuse(opt, v, expected);
	}
	return 0;
}

static int first_of(const cpu_set_t *cpus)
{
	int cpu = 0;

	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, cpus))
		cpu++;
	return cpu;
}

/* --lcores: <lcores>[@<cpus>],...; -l is the same without CPUs: an lcore is on the CPU of its
 * number. */
static int lcores_list(struct eal_cmdline *eal, const char *opt, const char *v)
{
	cpu_set_t ids, cpus;

	for (const char *s = v;; s++) {
		s = set(s, &ids);
		cpus = ids;
		if (s != NULL && *s == '@')
			s = set(s + 1, &cpus);
		if (s == NULL || (*s != ',' && *s != '\0'))
			return refuse(opt, v, "a list such as 0,2-4, or for --lcores 0@0,(1-2)@1");
		if (cpus_check(opt, v, &cpus) != 0)
			return -EINVAL;
		for (int i = 0; i < CPU_SETSIZE; i++) {
			bool own = CPU_ISSET(i, &ids) && CPU_EQUAL(&ids, &cpus);

			if (CPU_ISSET(i, &ids)
				&& !lcore_add(eal, (unsigned long)i, own ? i : first_of(&cpus)))
				return refuse(opt, v, "lcores below " TEXT_OF(LCORE_IDS_MAX));
		}
		if (*s == '\0')
			return 0;
	}
}

static int lcores_mask(struct eal_cmdline *eal, const char *opt, const char *v)
{
	const char *hex = strncmp(v, "0x", 2) == 0 || strncmp(v, "0X", 2) == 0 ? v + 2 : v;
	size_t len = strlen(hex);
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	if (len == 0 || strspn(hex, "0123456789abcdefABCDEF") != len)
		return refuse(opt, v, "a hex mask");
	for (size_t i = 0; i < len; i++) {
		char digit[2] = {hex[len - 1 - i], '\0'};
		unsigned long bits = strtoul(digit, NULL, 16);

		for (unsigned int b = 0; b < 4; b++) {
			if ((bits >> b & 1) && !lcore_add(eal, 4 * i + b, (int)(4 * i + b)))
				return refuse(opt, v, "lcores below " TEXT_OF(LCORE_IDS_MAX));
			if (bits >> b & 1)
				CPU_SET(4 * i + b, &cpus);
		}
	}
	return cpus_check(opt, v, &cpus);
}

static int on_lcores(struct eal_cmdline *eal, const char *opt, const char *v)
{
	if (eal->has_lcores)
		return refuse(opt, v, "one of -c, -l and --lcores, once");
	eal->has_lcores = true;
	return strcmp(opt, "-c") == 0 ? lcores_mask(eal, opt, v) : lcores_list(eal, opt, v);
}

/* -m MB, --socket-mem MB,MB,... */
static int on_memory(struct eal_cmdline *eal, const char *opt, const char *v)
{
	for (const char *s = v;; s++) {
		char *end;
		uint64_t mb = strtoull(s, &end, 10);

		if (*s < '0' || *s > '9' || (*end != ',' && *end != '\0') || mb > UINT32_MAX)
			return refuse(opt, v, "megabytes");
		eal->mem_mb += mb;
		s = end;
		if (*s == '\0')
			return eal->mem_mb != 0 ? 0 : refuse(opt, v, "megabytes, not 0");
	}
}

static int on_prefix(struct eal_cmdline *eal, const char *opt, const char *v)
{
	if (!prefix_ok(v))
		return refuse(opt, v, PREFIX_RULE);
	if (eal->has_prefix && strcmp(eal->prefix, v) != 0)
		return refuse(opt, v, "one name, there is another before");
	snprintf(eal->prefix, sizeof(eal->prefix), "%s", v);
	eal->has_prefix = true;
	return 0;
}

static int on_device(struct eal_cmdline *eal, const char *opt, const char *v)
{
	if (*v == '\0')
		return refuse(opt, v, "a device");
	eal->n_devs += strcmp(opt, "--vdev") == 0 ? 1 : 2; /* a card may have two ports */
	eal->has_dev |= strcmp(opt, "--vdev") != 0;
	if (strcmp(opt, "--vdev") != 0)
		return 0;
	if (eal->n_vdevs == ARRAY_SIZE(eal->vdev))
		return refuse(opt, v, "at most 32 of them");
	eal->vdev[eal->n_vdevs++] = v;
	return 0;
}

static int on_huge_dir(struct eal_cmdline *eal, const char *opt, const char *v)
{
	eal->has_huge_dir = true;
	return *v != '\0' ? 0 : refuse(opt, v, "a directory");
}

static int on_foreign(struct eal_cmdline *eal, const char *opt, const char *v)
{
	(void)eal;
	if (strcmp(opt, "--proc-type") == 0 && strcmp(v, "primary") == 0)
		return 0;
	fprintf(stderr,
		"warp17: error: EAL argument %s: clients could not attach to such an engine\n",
		opt);
	return -EINVAL;
}

struct eal_option {
	const char *shorts, *longs; /* "-l", "--lcores" */
	bool takes;
	int (*on)(struct eal_cmdline *eal, const char *opt, const char *v);
};

static const struct eal_option table[] = {
	{"-l", "--lcores", true, on_lcores},
	{"-c", NULL, true, on_lcores},
	{"-m", "--socket-mem", true, on_memory},
	{NULL, "--file-prefix", true, on_prefix},
	{"-a", "--allow", true, on_device},
	{"-w", NULL, true, on_device},
	{NULL, "--vdev", true, on_device},
	{NULL, "--huge-dir", true, on_huge_dir},
	{NULL, "--proc-type", true, on_foreign},
	{NULL, "--legacy-mem", false, on_foreign},
	{NULL, "--no-huge", false, on_foreign},
	{NULL, "--in-memory", false, on_foreign},
	{NULL, "--no-shconf", false, on_foreign},
	{NULL, "--huge-unlink", false, on_foreign},
};

/* Length of the option's long name at the front of a, which may be cut short, as getopt_long() has
 * it; 0: it is another. What could be several options the EAL refuses. */
static size_t long_name(const struct eal_option *o, const char *a)
{
	size_t len = strcspn(a, "=");

	return o->longs != NULL && len > 2 && strncmp(a, o->longs, len) == 0 ? len : 0;
}

/* The value of argv[i] when it is that option, and the words it takes. NULL: it is another. */
static const char *value_of(const struct eal_option *o, int argc, char **argv, int i, int *used)
{
	const char *a = argv[i];

	*used = 1;
	if (long_name(o, a) != 0)
		a += long_name(o, a);
	else if (o->shorts != NULL && strncmp(a, o->shorts, 2) == 0)
		a += 2;
	else
		return NULL;
	if (*a == '=' && argv[i][1] == '-')
		return a + 1;
	if (*a != '\0')
		return a; /* -xVALUE */
	if (!o->takes || i + 1 == argc)
		return "";
	*used = 2;
	return argv[i + 1];
}

/* The specification's old spelling: -w PCI. */
static char *modern(char *arg)
{
	if (strncmp(arg, "-w", 2) == 0)
		arg[1] = 'a';
	return arg;
}

/* The first two CPUs that this process may use: one for management, one for a worker. */
static void lcores_default(struct eal_cmdline *eal)
{
	cpu_set_t cpus;
	int first, second;

	sched_getaffinity(0, sizeof(cpus), &cpus);
	first = first_of(&cpus);
	eal->one_cpu = CPU_COUNT(&cpus) == 1;
	CPU_CLR(first, &cpus);
	second = eal->one_cpu ? first : first_of(&cpus);
	snprintf(eal->lcores, sizeof(eal->lcores), "0@%d,1@%d", first, second);
	lcore_add(eal, 0, first);
	lcore_add(eal, 1, second);
}

static int one_argument(struct eal_cmdline *eal, int argc, char **argv, int i, int *used)
{
	for (size_t k = 0; k < ARRAY_SIZE(table); k++) {
		const char *opt = strncmp(argv[i], "--", 2) == 0 ? table[k].longs : table[k].shorts;
		const char *v = value_of(&table[k], argc, argv, i, used);

		if (v != NULL)
			return table[k].on(eal, opt, v);
	}
	return 0;
}

int eal_args_read(struct eal_cmdline *eal, int argc, char **argv)
{
	int used = 1;

	memset(eal, 0, sizeof(*eal));
	snprintf(eal->prefix, sizeof(eal->prefix), PREFIX_DEFAULT);
	for (int i = 0; i < argc; i += used) {
		int rc = i == 0 ? 0 : one_argument(eal, argc, argv, i, &used);

		if (rc != 0)
			return rc;
		for (int k = 0; k < used; k++) {
			if (eal->argc == (int)ARRAY_SIZE(eal->argv) - 16) {
				fprintf(stderr, "warp17: error: more than %d EAL arguments\n",
					eal->argc);
				return -EINVAL;
			}
			eal->argv[eal->argc++] = k == 0 && i != 0 ? modern(argv[i]) : argv[i + k];
		}
	}
	if (!eal->has_lcores)
		lcores_default(eal);
	if (eal->n_lcores < 2) {
		fprintf(stderr,
			"warp17: error: one lcore is not enough: the first manages, the others "
			"carry packets; "
			"give two, e.g. -l 0,1\n");
		return -EINVAL;
	}
	return 0;
}

void eal_args_probe_pci(struct eal_cmdline *eal)
{
	static const char *const drivers[] = {"vfio-pci", "igb_uio", "uio_pci_generic"};

	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
		char path[64];
		struct dirent *e;
		DIR *d;

		snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s", drivers[i]);
		d = opendir(path);
		while (d != NULL && (e = readdir(d)) != NULL)
			eal->n_devs += strchr(e->d_name, ':') != NULL; /* 0000:82:00.0 */
		if (d != NULL)
			closedir(d);
	}
	eal->probe_pci = eal->n_devs != 0;
}

static void add(struct eal_cmdline *eal, const char *a)
{
	eal->argv[eal->argc++] = strdup(a);
	eal->argv[eal->argc] = NULL;
}

static void add_pair(struct eal_cmdline *eal, const char *opt, const char *v)
{
	add(eal, opt);
	add(eal, v);
}

void eal_args_complete(struct eal_cmdline *eal, const struct memory_plan *plan, bool own)
{
	/* at the end: the EAL writes its program's name over the last */
	static char quiet[][32] = {EAL_SAME_LAYOUT, "--no-telemetry", "--log-level=lib.*:error",
		"--log-level=pmd.*:error", "--log-level=bus.*:error",
		"--log-level=user1:error"}; /* user1: a line for each table of fragments */
	char text[NODES_MAX * 24] = "", dir[HUGE_DIR_MAX];

	if (!eal->has_prefix)
		add_pair(eal, "--file-prefix", eal->prefix);
	if (!eal->has_lcores)
		add_pair(eal, "--lcores", eal->lcores);
	if (eal->mem_mb == 0) {
		size_t at = 0;

		for (uint32_t i = 0; i < plan->n_nodes; i++)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%" PRIu64,
				i ? "," : "", own ? plan->eal_mb[i] : plan->mb[i]);
		add_pair(eal, "--socket-mem", text);
	}
	if (!eal->has_huge_dir && memory_huge_dir(dir))
		add_pair(eal, "--huge-dir", dir);
	if (!eal->has_dev && !eal->probe_pci)
		add(eal, "--no-pci");
	for (size_t i = 0; i < ARRAY_SIZE(quiet); i++)
		eal->argv[eal->argc++] = quiet[i];
	eal->argv[eal->argc] = NULL;
}
