/* The exporter: counters read in place, served to scrapers. A request takes a sample, a copy of all
 * there is (sample.c), and gives it a form (json.c, prometheus.c) on a thread that speaks HTTP
 * (http.c; routes.c says what is where). The main thread watches the engine (watch.c): EAL starts
 * once in a process, so when the engine goes the program re-executes itself and waits for the next
 * one without EAL; its listening sockets (listen.c) go with it. */
#pragma once

#include "common/abi/attach.h"
#include "common/util/sock_at.h"

#include <jansson.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#define EXPORTER "warp17-stats-exporter"
#define WHY_MAX 256

enum {
	EXIT_OK,
	EXIT_FAILED,    /* to listen, or to write */
	EXIT_USAGE,     /* as the CLI's from here on */
	EXIT_NO_ENGINE, /* or one that will not have us */
	EXIT_REFUSED,   /* all places for operators are taken */
	EXIT_TIMEOUT    /* attaching does not end */
};

struct exporter {
	struct client client;
	_Atomic int attached; /* 1 while the engine's segment may be read; set by the main thread */
	_Atomic uint64_t seq; /* of JSON documents */
	pthread_mutex_t lock; /* of why */
	char why[WHY_MAX];    /* nothing is attached; a sentence */
	const struct record_opts *record; /* NULL: nothing is recorded */
};

/* The steps of a latency histogram for Prometheus, half octaves up to 17 s: buckets.c. */
#define LATENCY_STEPS 55

/* Times as JSON has them: the engine's log-linear histogram with 16 buckets an octave instead of 64, so
 * that the middle of one is within 1/32 of all that is in it, and a document has a quarter of the numbers. */
#define COARSE_SUB_BITS 4
#define COARSE_BUCKETS ((HIST_TOP_BITS - COARSE_SUB_BITS + 1) << COARSE_SUB_BITS)
struct coarse {
	uint32_t first, end; /* those that have something are within; both 0: none has */
	uint64_t n[COARSE_BUCKETS];
};

/* Times of one kind that a test case measures, since its start; without samples the others mean nothing. */
struct sample_times {
	uint64_t samples, sum_ns;
	uint64_t min_ns, max_ns, quantile_ns[LATENCY_QUANTILES];
	struct coarse coarse;
};

/* What a port is, from one whole copy of its record. Texts are UTF-8 without control characters. */
struct sample_port {
	char name[64], driver[32];
	uint32_t kind, link_up, running, mtu;
	uint32_t speed_mbps;      /* 0: not known */
	struct seg_holder holder; /* name is UTF-8 and ends */
	struct faults_config faults[FAULTS_DIRS];
	struct ip_addr gw;
	uint32_t n_intfs;
	struct l3_intf intfs[L3_INTFS_MAX];
	struct stats_device device;
};

struct sample_tc {
	uint32_t port, tcid;
	struct seg_tc tc; /* texts are UTF-8 and end */
	struct stats_tc_block stats;
	uint32_t n_apps; /* of its IMIX group; 0 unless it has one */
	struct sample_app {
		uint32_t index, weight, kind; /* app-index; enum app_kind */
		struct app_config cfg;        /* texts are UTF-8 and end */
		struct stats_tc_block stats;
	} apps[IMIX_GROUP_APPS];
	uint32_t has_latency; /* it measures them: then */
	struct sample_times latency;
	struct latency_recent recent;
	struct sample_times response[TIMES_BYTES]; /* when sample_has_responses() */
};

static inline bool sample_has_responses(const struct sample_tc *t)
{
	return t->tc.cfg.times.from != times_from_OFF;
}
/* NULL: it does not measure them. */
static inline const struct sample_times *sample_latency(const struct sample_tc *t)
{
	return t->has_latency ? &t->latency : NULL;
}
static inline const struct sample_times *sample_first_byte(const struct sample_tc *t)
{
	return sample_has_responses(t) ? &t->response[TIMES_FIRST] : NULL;
}
static inline const struct sample_times *sample_last_byte(const struct sample_tc *t)
{
	return sample_has_responses(t) ? &t->response[TIMES_LAST] : NULL;
}

/* All there is, as it was at one moment (counters: within some microseconds). */
struct sample {
	_Atomic uint32_t holders; /* who all have to call sample_free() */
	double time_s, start_s;   /* since 1970: of the sample, of the engine */
	uint64_t mono_ns;         /* of the sample, by the clock of a test case's start */
	char version[64], prefix[64];
	uint64_t fingerprint, tsc_hz;
	uint32_t pid, state; /* of the engine; enum engine_state */
	uint32_t n_ports, n_workers, n_lcores, n_tcs;
	uint32_t lcore_id[WORKERS_MAX];
	struct seg_load load[WORKERS_MAX];
	struct sample_port port[PORTS_MAX];
	struct sample_tc *tcs;
	struct stats_port_block *port_stats;   /* [n_lcores][n_ports] */
	struct stats_lcore_block *lcore_stats; /* [n_lcores] */
};

/* The engine is attached, alive, and its heartbeat is fresh; else why[WHY_MAX] says what is not. */
bool sample_ready(struct exporter *x, char *why);
/* The same, and it is not about to go. Its counters are there until then. */
bool sample_lasts(struct exporter *x, char *why);

/* A sample, to be read and given to sample_free(); NULL: none to be had, why[WHY_MAX] says why. Any
 * thread. Who asks within SHARE_MS of another gets the same: however many ask, the work is bounded,
 * and time_s is when it was taken. */
#define SHARE_MS 50
struct sample *sample_take(struct exporter *x, char *why);
/* Of a segment, its own; for tests. */
struct sample *sample_of(const struct seg *s, char *why);
void sample_free(struct sample *s);

/* A text of at most size bytes into a buffer of the same size: it ends, is UTF-8 and has no control
 * characters; '?' stands for each byte that is not. */
void sample_text(char *dst, const char *src, size_t size);

const struct stats_port_block *sample_port_stats(const struct sample *s, uint32_t lc, uint32_t p);
/* All lcores of a port together. */
void sample_port_sum(const struct sample *s, uint32_t port, struct stats_port_block *out);

/* A sample's head alone, without ports, lcores and test cases; for sample_free(). NULL: no memory. */
struct sample *sample_head(const struct seg *s);

/* Trees of a sample, which the caller owns. seq counts documents. */
json_t *json_stats(const struct sample *s, uint64_t seq);
/* json_stats() as compact text, to be freed, NULL: no memory; much faster when there is much. */
char *json_stats_text(const struct sample *s, uint64_t seq, size_t *len);
/* json_ports_of(), json_tests_of() and json_live() so. */
char *json_ports_text(const struct sample *s, uint64_t seq, uint32_t port, size_t *len);
char *json_tests_text(
	const struct sample *s, uint64_t seq, uint32_t port, uint32_t tcid, size_t *len);
char *json_live_text(const struct sample *s, uint64_t seq, const char *why, size_t *len);
json_t *json_ports_doc(const struct sample *s, uint64_t seq);
json_t *json_tests_doc(const struct sample *s, uint64_t seq);
/* The same of one port, or one test case of each port, or both; UINT32_MAX: all. */
json_t *json_ports_of(const struct sample *s, uint64_t seq, uint32_t port);
json_t *json_tests_of(const struct sample *s, uint64_t seq, uint32_t port, uint32_t tcid);
/* A state of /events; s: NULL, there is none, for a reason. */
json_t *json_live(const struct sample *s, uint64_t seq, const char *why);
/* What they are made of. port: counters of all lcores together; lcores: and of each. */
json_t *json_engine(const struct sample *s);
json_t *json_port(const struct sample *s, uint32_t port, bool lcores);
json_t *json_lcore(const struct sample *s, uint32_t lc, bool stats);
json_t *json_test(const struct sample *s, const struct sample_tc *t);
/* What every document begins with. s: NULL, the engine is null. */
json_t *json_head(const char *schema, const struct sample *s, uint64_t seq);

/* The documents of /api/v1; what stands for one that is not to be had, over HTTP and in a recording. */
enum document {
	DOC_STATS,
	DOC_PORTS,
	DOC_TESTS,
	DOC_OPERATORS,
	DOC_EVENTS,
	DOC_SCHEMA,
	DOC_COUNT
};
struct document_desc {
	const char *word, *path, *schema; /* schema: its name and version */
};
extern const struct document_desc documents[DOC_COUNT];
#define ERROR_SCHEMA "warp17-error/1.0"
#define LIVE_SCHEMA "warp17-live/1.1" /* of /events */
#define GAP_SCHEMA "warp17-gap/1.0"
/* DOC_COUNT: there is none of that word. */
enum document document_find(const char *word);
/* One of the engine, for the caller to own. events: those after *since, which becomes the last. NULL: none
 * to be had, why[WHY_MAX] says why. */
json_t *document_take(
	struct exporter *x, enum document d, uint64_t seq, uint64_t *since, char *why);

/* people.c: events after number since, of those that are kept; who is attached. NULL: it cannot be read now. */
json_t *json_events(const struct seg *s, uint64_t since, uint64_t seq);
json_t *json_operators(const struct seg *s, uint64_t seq);
/* One event; its texts are made fit. */
json_t *json_event(struct note *n);
/* Every counter: name, unit, kind, help; and what documents there are. s: NULL without an engine. */
json_t *json_schema(const struct seg *s, uint64_t seq);

void coarse_of(struct coarse *c, const struct histogram *h);
/* The largest time that is within step i, and how many are within each; returns how many there are. */
uint64_t latency_step_ns(uint32_t i);
uint64_t latency_steps(const struct coarse *c, uint64_t upto[LATENCY_STEPS]);

/* Formats of /metrics: which one an Accept header asks for (NULL: there is none), its Content-Type. */
enum prom_format {
	PROM_TEXT,       /* Prometheus text 0.0.4 */
	PROM_OPENMETRICS /* 1.0.0 */
};
enum prom_format prometheus_accept(const char *accept);
const char *prometheus_type(enum prom_format format);
/* The document, to be freed, NULL: no memory. Works without an engine too. */
char *prometheus_text(struct exporter *x, enum prom_format format, size_t *len);
/* The same of a sample; NULL: no engine, or one that does not move, which is attached then. took_s
 * is what making the sample took. */
char *prometheus_of(
	const struct sample *s, bool attached, enum prom_format format, double took_s, size_t *len);

/* Where to listen: a TCP address, or a Unix socket and its permissions. Both parsers: 0, or -EINVAL
 * with what is expected in why[WHY_MAX]. */
#define LISTEN_MAX 8
struct listen_at {
	struct sock_at where;
	mode_t mode; /* of a Unix socket */
};
int listen_parse(struct listen_at *at, const char *text, char *why);
int listen_parse_port(struct listen_at *at, const char *text, char *why);
/* Can only this machine's processes reach it? */
bool listen_local(const struct listen_at *at);
/* A listening socket, or -1 after a sentence on stderr. Port 0: the one it got is printed. A Unix
 * socket that is there is replaced when nobody listens at it. */
int listen_open(const struct listen_at *at);
/* One that the image before had opened: listen_end() is for it too. */
void listen_mine(int fd);
/* The paths of Unix sockets that are open: how many, and *to where they are. */
int listen_paths(const char *to[LISTEN_MAX]);
/* Removes the Unix sockets; the last that a process does which does not execute itself again. May be
 * called in a signal's context. */
void listen_end(void);

/* Who may ask, and how it is read on the way; files by name, NULL: none. */
struct http_opts {
	const char *token_file;         /* what each request but /healthz must know */
	const char *tls_cert, *tls_key; /* TLS at TCP sockets; both or none */
};
/* Reads those files. 0, or -errno with what is wrong in why[WHY_MAX]; then what was read before still
 * holds. */
int http_files(const struct http_opts *o, char *why);
/* So much may answers take that have not been read yet, MB; more than that gets 503. To be called before http_start(). */
#define UNREAD_MB 256u
#define UNREAD_MB_MAX 65536u
void http_unread_max(uint32_t mb);
/* Serves on a listening socket, with TLS where it is TCP and there are certificates. 0, or -1 when it cannot. */
int http_start(struct exporter *x, int listen_fd);
/* Takes no more connections (they wait in the sockets), ends streams, and answers what is under way;
 * returns when that is done, or after some time. May be called in a signal's context. */
void http_drain(int timeout_ms);

/* The sockets of this program's image before: how many; -1: this is the first one. */
int watch_inherit(int fds[LISTEN_MAX]);
/* Attaches, and makes the engine's memory read only. 0, or -errno with why[WHY_MAX]. */
int watch_attach(struct exporter *x, const struct attach_opts *o, char *why);
/* Serves on n sockets (0: no HTTP), records, and watches for engines until SIGTERM or SIGINT, or until
 * no more is to be recorded. The exit code. */
int watch_run(struct exporter *x, struct attach_opts *o, const struct http_opts *h, const int *fds,
	int n, char **argv);
