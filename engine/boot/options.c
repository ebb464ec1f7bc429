/* The command line: EAL arguments, "--", our own by the table options.def. */
#include "common/util/compiler.h"
#include "common/util/version.h"
#include "engine/boot/boot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define QMAP_DIGITS 32
static_assert(QMAP_DIGITS * 4 == LCORE_IDS_MAX);

enum option_kind {
	OPTION_FLAG,
	OPTION_DONE,
	OPTION_NUMBER,
	OPTION_TEXT,
	OPTION_WORD,
	OPTION_QMAP
};

struct option {
	const char *name;
	enum option_kind kind;
	uint64_t min, max;
	const char *value, *help;
	size_t off, given; /* in struct options */
};

static const struct option table[] = {
#define OPTION(id, name, KIND, min, max, value, help)                              \
	{name, OPTION_##KIND, min, max, value, help, offsetof(struct options, id), \
		offsetof(struct options, given.id)},
#include "engine/boot/options.def"
};

static int usage_error(const struct option *d, const char *given, const char *expected)
{
	fprintf(stderr, "warp17: error: --%s: '%s' given, expected %s (see --help)\n", d->name,
		given, expected);
	return -EINVAL;
}

static void help(void)
{
	printf("usage: warp17 [EAL arguments] -- [options]\n"
	       "The engine of WARP17, a stateful traffic generator. scripts/warp17 start looks "
	       "after it.\n\nOptions:\n");
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		char left[48];

		snprintf(left, sizeof(left), "--%s %s", table[i].name, table[i].value);
		printf("  %-28s %s\n", left, table[i].help);
	}
	printf("\nEAL arguments that matter here:\n"
	       "  -l LCORES | --lcores ...     the first lcore manages, the others are workers "
	       "(default: two of the CPUs\n"
	       "                               this process may use)\n"
	       "  -a PCI, --vdev DEVICE        ports; -w is taken for -a\n"
	       "  -m MB | --socket-mem ...     hugepage memory (default: what the pools need)\n"
	       "  --file-prefix NAME           name of this engine, one a machine for each "
	       "(default " PREFIX_DEFAULT ")\n");
}

static int number(const struct option *d, const char *s, uint64_t *v)
{
	char expected[64], *end;

	errno = 0;
	*v = strtoull(s, &end, 10);
	if (*s >= '0' && *s <= '9' && *end == '\0' && errno == 0 && *v >= d->min && *v <= d->max)
		return 0;
	snprintf(expected, sizeof(expected), "a number, %" PRIu64 "..%" PRIu64, d->min, d->max);
	return usage_error(d, s, expected);
}

static bool mask_empty(const struct lcore_mask *m)
{
	for (size_t i = 0; i < ARRAY_SIZE(m->bits); i++) {
		if (m->bits[i] != 0)
			return false;
	}
	return true;
}

static void mask_read(struct lcore_mask *m, const char *hex, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char digit[2] = {hex[n - 1 - i], '\0'};

		m->bits[i / 16] |= (uint64_t)strtoul(digit, NULL, 16) << i % 16 * 4;
	}
}

static int qmap(const struct option *d, struct lcore_mask *masks, const char *s)
{
	size_t n_digits = strspn(s, "0123456789"), n_hex = 0;
	unsigned long port = 0;
	const char *hex;

	hex = s + n_digits + (s[n_digits] == '.');
	if (strncmp(hex, "0x", 2) == 0 || strncmp(hex, "0X", 2) == 0)
		hex += 2;
	n_hex = strspn(hex, "0123456789abcdefABCDEF");
	if (n_digits == 0 || n_digits > 3 || s[n_digits] != '.' || n_hex == 0
		|| n_hex > LCORE_IDS_MAX / 4 || hex[n_hex] != '\0')
		return usage_error(d, s,
			"PORT.HEXMASK, at most " TEXT_OF(QMAP_DIGITS) " hex digits, one bit an "
								      "lcore");
	port = strtoul(s, NULL, 10);
	if (port >= PORTS_MAX)
		return usage_error(d, s, "a port below 64");
	if (!mask_empty(&masks[port]))
		return usage_error(d, s, "every port once, this one has its lcores");
	mask_read(&masks[port], hex, n_hex);
	return !mask_empty(&masks[port]) ? 0
					 : usage_error(d, s, "PORT.HEXMASK with at least one bit");
}

/* Is the word one of "a|b|c"? */
static bool is_word_of(const char *s, const char *words)
{
	size_t len = strlen(s);

	for (const char *w = words; len != 0; w++) {
		if (strncmp(w, s, len) == 0 && (w[len] == '|' || w[len] == '\0'))
			return true;
		w = strchr(w, '|');
		if (w == NULL)
			break;
	}
	return false;
}

static int take(struct options *o, const struct option *d, const char *v)
{
	char *at = (char *)o + d->off;
	bool *given = (bool *)((char *)o + d->given);

	if (*given
		&& (d->kind == OPTION_NUMBER || d->kind == OPTION_TEXT || d->kind == OPTION_WORD))
		return usage_error(d, v, "the option once");
	*given = true;
	switch (d->kind) {
	case OPTION_FLAG:
	case OPTION_DONE:
		*(bool *)at = true;
		return 0;
	case OPTION_NUMBER:
		return number(d, v, (uint64_t *)at);
	case OPTION_WORD:
		if (!is_word_of(v, d->value))
			return usage_error(d, v, d->value);
		break;
	case OPTION_TEXT:
		if (*v == '\0' || strlen(v) >= OPTION_TEXT_MAX)
			return usage_error(d, v,
				"a name that is neither empty nor longer than 255 characters");
		break;
	case OPTION_QMAP:
		return qmap(d, (struct lcore_mask *)(void *)at, v);
	}
	snprintf(at, OPTION_TEXT_MAX, "%s", v);
	return 0;
}

/* The option that "--name" or "--name=value" names; its '=' or end. */
static const struct option *find(const char *arg, const char **end)
{
	*end = arg + strcspn(arg, "=");
	for (size_t i = 0; i < ARRAY_SIZE(table) && strncmp(arg, "--", 2) == 0; i++) {
		size_t len = strlen(table[i].name);

		if (len == (size_t)(*end - arg) - 2 && strncmp(arg + 2, table[i].name, len) == 0)
			return &table[i];
	}
	return NULL;
}

static int own_options(struct options *o, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		const char *end, *v = "";
		const struct option *d = find(argv[i], &end);
		bool takes = d != NULL && d->kind != OPTION_FLAG && d->kind != OPTION_DONE;
		int rc;

		if (d == NULL) {
			fprintf(stderr,
				"warp17: error: unknown option '%s' (see --help; EAL arguments "
				"stand before --)\n",
				argv[i]);
			return -EINVAL;
		}
		if (*end == '=' && !takes)
			return usage_error(d, end + 1, "no value");
		if (*end == '=')
			v = end + 1;
		else if (takes && (++i == argc || find(argv[i], &end) != NULL))
			return usage_error(d, "nothing", d->value);
		else if (takes)
			v = argv[i];
		rc = take(o, d, v);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* It is read later, and the launcher starts the engine twice: a pipe would be empty then. */
static int cmd_file_check(const char *path)
{
	const char *why = NULL;
	struct stat st;

	if (stat(path, &st) != 0 || access(path, R_OK) != 0)
		why = strerror(errno);
	else if (!S_ISREG(st.st_mode))
		why = "not a regular file";
	else if (st.st_size == 0)
		why = "the file is empty";
	if (why == NULL)
		return 0;
	fprintf(stderr, "warp17: error: --cmd-file %s: %s\n", path, why);
	return -EINVAL;
}

static int combined(const char *what)
{
	fprintf(stderr, "warp17: error: %s\n", what);
	return -EINVAL;
}

/* What rows cannot say: options that exclude or need each other. */
static int check(const struct options *o, struct eal_cmdline *eal)
{
	if (eal->n_devs + o->ring_if_pairs + o->tap_ifs == 0)
		eal_args_probe_pci(eal);
	if (o->given.qmap && o->given.qmap_default)
		return combined("--qmap and --qmap-default cannot be combined");
	if (o->given.kni_ifs && o->given.tap_ifs)
		return combined("--kni-ifs is the old name of --tap-ifs: give one of them");
	if (o->given.tap_netns && o->tap_ifs == 0)
		return combined("--tap-netns is for TAP interfaces: give --tap-ifs too");
	if (eal->n_devs + o->ring_if_pairs + o->tap_ifs == 0) {
		fprintf(stderr,
			"warp17: error: no port: give --ring-if-pairs N or --tap-ifs N, -a PCI or "
			"--vdev DEVICE "
			"before --, or bind a NIC to a DPDK driver (dpdk-devbind.py)\n");
		return -EINVAL;
	}
	if (eal->n_vdevs + 2 * o->ring_if_pairs + o->tap_ifs > PORTS_MAX) {
		fprintf(stderr,
			"warp17: error: %" PRIu64
			" ports: at most %d, and a ring pair is two of them\n",
			eal->n_vdevs + 2 * o->ring_if_pairs + o->tap_ifs, PORTS_MAX);
		return -EINVAL;
	}
	return o->given.cmd_file ? cmd_file_check(o->cmd_file) : 0;
}

/* One of ours among the EAL's: the "--" was forgotten. */
static int forgotten_dashes(int argc, char **argv)
{
	const char *end;

	for (int i = 1; i < argc; i++) {
		if (find(argv[i], &end) == NULL)
			continue;
		fprintf(stderr,
			"warp17: error: %s belongs behind '--': warp17 [EAL arguments] -- "
			"[options]\n",
			argv[i]);
		return -EINVAL;
	}
	return 0;
}

int options_parse(struct options *o, struct eal_cmdline *eal, int argc, char **argv)
{
	int split = 1, rc;

	memset(o, 0, sizeof(*o));
	o->mbuf_bytes = MBUF_BYTES;
	while (split < argc && strcmp(argv[split], "--") != 0)
		split++;
	if (split < argc)
		rc = own_options(o, argc - split - 1, argv + split + 1);
	else /* no EAL part: --help and --version are ours */
		rc = argc == 2
				&& (strcmp(argv[1], "--help") == 0
					|| strcmp(argv[1], "--version") == 0)
			? own_options(o, 1, argv + 1)
			: forgotten_dashes(argc, argv);
	if (rc == 0 && o->help) {
		help();
		return 1;
	}
	if (rc == 0 && o->version) {
		printf("warp17 %s\n", warp17_version());
		return 1;
	}
	if (rc == 0)
		rc = eal_args_read(eal, split, argv);
	if (o->given.kni_ifs)
		o->tap_ifs = o->kni_ifs;
	return rc == 0 ? check(o, eal) : rc;
}
