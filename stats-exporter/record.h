/* Documents without HTTP: one (--once), or one each interval (--interval), to standard output or
 * into a file. Private to the exporter: record.c writes them on a thread of its own, sink.c keeps
 * files whole, csv.c makes rows. */
#pragma once

#include "stats-exporter/document.h"
#include "stats-exporter/exporter.h"

enum record_format {
	RECORD_JSON,  /* indented; a file holds the newest alone */
	RECORD_JSONL, /* one a line */
	RECORD_CSV,
	RECORD_FORMATS
};

struct record_opts {
	bool once;
	int64_t interval_ns;       /* 0: not asked for */
	uint64_t count;            /* 0: until it is ended */
	enum document doc;         /* DOC_COUNT: not given */
	enum record_format format; /* RECORD_FORMATS: not given */
	const char *output;        /* NULL: standard output */
	uint64_t rotate_bytes;     /* 0: never */
	uint32_t keep;             /* files beside the one that is written; UINT32_MAX: not given */
};

/* Its options of the command line, as getopt_long() calls them. */
enum {
	RECORD_ONCE = 0x100, /* no letter */
	RECORD_INTERVAL,
	RECORD_DOCUMENT,
	RECORD_FORMAT,
	RECORD_OUTPUT,
	RECORD_COUNT,
	RECORD_ROTATE_SIZE,
	RECORD_ROTATE_KEEP
};
/* clang-format off */
#define RECORD_LONGS                                    \
	{"once", 0, NULL, RECORD_ONCE},                 \
	{"interval", 1, NULL, RECORD_INTERVAL},         \
	{"document", 1, NULL, RECORD_DOCUMENT},         \
	{"format", 1, NULL, RECORD_FORMAT},             \
	{"output", 1, NULL, RECORD_OUTPUT},             \
	{"count", 1, NULL, RECORD_COUNT},               \
	{"rotate-size", 1, NULL, RECORD_ROTATE_SIZE},   \
	{"rotate-keep", 1, NULL, RECORD_ROTATE_KEEP}
/* clang-format on */
void record_opts_init(struct record_opts *o);
/* 1: it is none of these; 0; -EINVAL, why[WHY_MAX] says what was expected. */
int record_option(struct record_opts *o, int option, const char *text, char *why);
/* Do they go together? Fills in what was not given. 0, -EINVAL with why. */
int record_opts_check(struct record_opts *o, char *why);

/* One document of what is attached. 0, -ENODATA: none to be had, or -EIO: not written, after a sentence on standard
 * error. */
int record_once(struct exporter *x, const struct record_opts *r);

/* Begins to record, or goes on with what this program's image before did. 0, or -errno after a sentence
 * on standard error. done() is called by its thread when there is no more to record. */
int record_start(struct exporter *x, const struct record_opts *r, void (*done)(void));
/* Takes no more records, and waits some time for the one that is under way. May be called in a signal's
 * context. Does nothing where there is nothing to record. */
void record_stop(int timeout_ms);
/* The file is opened anew before the next record. */
void record_reopen(void);
/* After record_stop(): EXIT_OK, EXIT_FAILED when records were lost, which it says. */
int record_result(void);

/* Rows, to be freed; NULL: no memory. doc: of DOC_PORTS, DOC_TESTS, or a gap. */
char *csv_header(enum document d);
char *csv_rows(enum document d, const json_t *doc);

/* Where records go. */
struct sink {
	const char *path;   /* NULL: standard output */
	const char *header; /* of each file; NULL: none */
	const char *begins; /* how a file begins that may be gone on with */
	bool replace;       /* a file holds the newest record alone */
	uint64_t rotate_bytes;
	uint32_t keep;
	int fd;      /* -1: not open */
	bool headed; /* standard output has its header */
};

/* Opens the file, if it can; half a line at its end is cut off, *cut says how many bytes that were. 0 or -errno;
 * -EEXIST: the file is something else. */
int sink_open(struct sink *s, uint64_t *cut);
void sink_close(struct sink *s);
/* One record whole, or nothing of it: 0, or -errno. */
int sink_put(struct sink *s, const char *text);
