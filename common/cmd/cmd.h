/* Commands as data: what a client builds, what crosses the command ring, what the engine handles.
 */
#pragma once

#include "common/abi/limits.h"
#include "common/util/ip.h"

#include <stdbool.h>

#define CMD_LINE_MAX 4096 /* bytes of a line, whoever reads it */
#define CMD_WORDS_MAX 64  /* of a line */

#define RATE_INFINITE UINT32_MAX /* of an inf32 argument */

struct arg_text128 {
	char s[HTTP_NAME_MAX]; /* ends in 0; what follows the end is 0 too */
};
struct arg_text256 {
	char s[256];
};

/* Braces open in one macro and close in another. */
/* clang-format off */
#define ENUM_BEGIN(type) enum type {
#define ENUM(type, value, ...) type##_##value,
#define ENUM_END(type) type##_COUNT };
#include "common/cmd/enums.def"

/* The word of a value, "?" where there is none; what it means, "" where its row does not say; and
 * all words, "a|b|c". */
#define ENUM_BEGIN(type) \
	const char *type##_word(uint32_t value); \
	const char *type##_help(uint32_t value); \
	const char *type##_words(void);
#include "common/cmd/enums.def"

#define ARG_TYPE(tag, ctype, usage) typedef ctype arg_##tag;
#include "common/cmd/arg_types.def"

enum arg_tag {
#define ARG_TYPE(tag, ...) ARG_##tag,
#include "common/cmd/arg_types.def"
	ARG_COUNT
};

enum cmd_id {
#define CMD_BEGIN(id, ...) CMD_##id,
#include "common/cmd/cmd.def"
	CMD_COUNT
};

/* One request struct a command; bit k of present says whether argument k was given. */
#define CMD_BEGIN(id, ...) struct req_##id { uint64_t present;
#define ARG(field, type, ...) arg_##type field;
#define CMD_END(id) };
#include "common/cmd/cmd.def"

/* Bit of an argument in present: REQ_HAS_<command>_<field>. */
#define CMD_BEGIN(id, ...) struct argno_##id {
#define ARG(field, ...) uint8_t field;
#define CMD_END(id) };
#include "common/cmd/cmd.def"
/* clang-format on */
#define REQ_HAS(req, id, field) ((req)->present >> offsetof(struct argno_##id, field) & 1)

#define CMD_END(id) \
	static_assert(sizeof(struct req_##id) <= CMD_REQ_MAX, #id " does not fit a cell");
#include "common/cmd/cmd.def"

union cmd_req {
	uint8_t raw[CMD_REQ_MAX];
	uint64_t present;
#define CMD_BEGIN(id, ...) struct req_##id id;
#include "common/cmd/cmd.def"
};

enum cmd_kind {
	CMD_KIND_ENGINE,
	CMD_KIND_CLIENT
};

enum arg_need {
	ARG_OPT,
	ARG_REQ,
	ARG_SOME /* of these, at least one */
};

struct arg_desc {
	const char *keyword; /* NULL: the value stands alone */
	const char *name;
	const char *help;
	uint64_t min, max; /* of integers; 0, 0: the type's own */
	enum arg_tag tag;
	enum arg_need need;
	uint16_t off, size;
};

struct cmd_desc {
	const char *path; /* "set tests rate" */
	const char *name; /* "set_tests_rate" */
	const char *help;
	enum cmd_kind kind;
	const struct arg_desc *args;
	size_t n_args;
	size_t req_size;
};

const struct cmd_desc *cmd_desc(enum cmd_id id);
/* What values of a type look like, "<n>|infinite", "tcp|udp". */
const char *arg_usage(enum arg_tag tag);
/* What word i of a type's usage means, "" where nothing more is to be said of it. */
const char *arg_word_help(enum arg_tag tag, uint32_t i);

/* The largest number that an argument of numbers takes. */
uint64_t arg_max(const struct arg_desc *a);
/* Which values an argument takes: "1..65535", "0..10 or infinite", "<percent>, 0..100", "<ip>". */
void arg_expected(const struct arg_desc *a, char *buf, size_t len);

/* Text to value: how many words it took, or -1 with why in err (may be NULL). Value to text: like
 * snprintf; text with blanks or quotes is quoted so that cmd_split() gives it back. */
int arg_parse(const struct arg_desc *a, const char *const *word, int n, void *out, char *err,
	size_t errlen);
int arg_format(const struct arg_desc *a, char *buf, size_t len, const void *value);

/* Cuts a line into words in place: blanks part words, "..." holds blanks together (\" and
 * \\ within), # or ! or // at the start of a word begins a comment. Returns the number of words, -1
 * with why in err (unbalanced quote, too many). */
int cmd_split(char *line, const char **word, int max, char *err, size_t errlen);

/* The beginning of a line, as far as the cursor: cuts it into words likewise. word[0..*n) are
 * whole, *last is what stands of the one that the cursor is in, "" between words. */
enum cmd_place {
	CMD_IN_WORD, /* where words are completed */
	CMD_IN_TEXT  /* inside quotes or a comment, or behind too many words */
};
enum cmd_place cmd_split_begun(char *line, const char **word, int max, int *n, const char **last);

/* A word as cmd_split() takes it for one word, whatever is in it; like snprintf. */
int cmd_quote(const char *word, char *buf, size_t len);

/* Words to a request. Words of paths, keywords and words that are values may be abbreviated where
 * it is clear what is meant; an exact word wins. 0, or -EINVAL with what is wrong, where (which
 * word) and what was expected in err. */
int cmd_parse(const char *const *word, int n, enum cmd_id *id, union cmd_req *req, char *err,
	size_t errlen);
int cmd_format(enum cmd_id id, const union cmd_req *req, char *buf, size_t len);

/* Of the arguments of which one is needed, is one there? Else "expected at least one of ..." in
 * err. */
bool cmd_some_given(const struct cmd_desc *c, uint64_t present, char *err, size_t errlen);

/* What a command looks like, "set tests rate port <n> ... [open <n>|infinite]"; like snprintf. */
int cmd_usage(enum cmd_id id, char *buf, size_t len);

/* Could a parser have made this request? What the engine asks of its own copy of whatever a client
 * wrote into shared memory: present bits, bounds, enum values, text that ends, unused bytes 0. 0 or
 * -EINVAL with why in err. */
int cmd_check(uint32_t id, const union cmd_req *req, char *err, size_t errlen);

/* Calls add() with each word that could follow word[0..n) and starts with prefix, and what it
 * means. hint: not a word to type but what a value looks like, "<n>"; it is offered while nothing
 * of the value is typed. */
typedef void cmd_complete_fn(const char *word, const char *help, bool hint, void *arg);
void cmd_complete(
	const char *const *word, int n, const char *prefix, cmd_complete_fn *add, void *arg);

/* A hash of every name, type, offset and size in cmd.def, stats.def and the segment's structs. The
 * engine writes it into the segment; a program built from other tables is refused. */
uint64_t schema_fingerprint(void);
