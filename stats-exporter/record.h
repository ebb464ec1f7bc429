/* Documents without HTTP: one (--once), or one each interval (--interval), to standard output or
 * into a file. Private to the exporter: record.c writes them on a thread of its own, sink.c keeps
 * files whole, csv.c makes rows. */
#pragma once

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

/* An option of the command line, by its letter in RECORD_LONGS. 1: it is none of ours; 0; -EINVAL, why[WHY_MAX]
 * says what was expected. */
#define RECORD_LONGS                                                                         \
	{"once", 0, NULL, 'o'}, {"document", 1, NULL, 'd'}, {"interval", 1, NULL, 'i'},      \
		{"format", 1, NULL, 'f'}, {"output", 1, NULL, 'O'}, {"count", 1, NULL, 'c'}, \
		{"rotate-size", 1, NULL, 's'},                                               \
	{                                                                                    \
		"rotate-keep", 1, NULL, 'k'                                                  \
	}
void record_opts_init(struct record_opts *o);
int record_option(struct record_opts *o, int letter, const char *text, char *why);
/* Do they go together? Fills in what was not given. 0, -EINVAL with why. */
int record_opts_check(struct record_opts *o, char *why);

/* One document: an exit code, after a sentence on standard error unless it is EXIT_OK. */
int record_once(struct exporter *x, struct attach_opts *o, const struct record_opts *r);

/* Begins to record, or goes on with what this program's image before did. 0, or -errno after a sentence
 * on standard error. done() is called by its thread when there is no more to record. */
int record_start(struct exporter *x, const struct record_opts *r, void (*done)(void));
/* Takes no more records, and waits some time for the one that is under way. May be called in a signal's
 * context. Does nothing where there is nothing to record. */
void record_stop(int timeout_ms);
/* The file is opened anew before the next record; for a signal's handler. */
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
