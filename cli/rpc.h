/* warp17-cli --rpc: JSON-RPC 2.0 over TCP and Unix sockets, a message a line. One thread and one
 * poll(): connections (rpc_conn.c) read lines, whose calls (rpc_call.c) become requests in rings of
 * their own, or views. Nothing waits for anything else. doc/rpc.md is the description for users. */
#pragma once

#include "cli/cli.h"
#include "cli/show.h"
#include "common/util/sock_at.h"

#define RPC_PORT 42424
#define RPC_SOCKET "rpc.sock" /* in the run-time directory of the prefix */
#define RPC_LISTEN_MAX 8
#define RPC_CLIENTS_MAX 64
#define RPC_LINE_MAX (1u << 20)    /* bytes of a request or a batch */
#define RPC_DEPTH_MAX 16           /* brackets within brackets */
#define RPC_BATCH_MAX 256          /* requests of a batch */
#define RPC_ANSWERS_MAX (4u << 20) /* bytes of a batch's answers; then the rest is refused */
#define RPC_RATE 2000              /* requests a second of a client, and as many at once */
#define RPC_SUBS_MAX 16            /* subscriptions of a client */
#define RPC_OUT_PAUSE (256u << 10) /* bytes not yet read by a client: no more is done for it */
#define RPC_SILENT_MS 10000        /* until the first request, or the token, is there */
#define RPC_SLOW_MS 30000          /* a client that takes nothing for so long is cut off */
#define RPC_TOKEN_MAX 256          /* with its end */
#define RPC_TOKEN_MIN 16           /* characters */

/* ---- rpc_method.c: methods, all of them from tables */

/* clang-format off */
#define RPC_BEGIN(id, ...) struct rpc_##id { uint64_t present;
#define ARG(field, type, ...) arg_##type field;
#define RPC_END(id) };
#include "cli/rpc.def"

enum rpc_own {
	RPC_COMMAND, /* none of the server's own, but a command */
#define RPC_BEGIN(id, ...) RPC_##id,
#include "cli/rpc.def"
	RPC_OWN_END
};

/* Bit of a parameter in present. */
#define RPC_BEGIN(id, ...) struct rpcno_##id {
#define ARG(field, ...) uint8_t field;
#define RPC_END(id) };
#include "cli/rpc.def"
/* clang-format on */
#define RPC_HAS(req, id, field) ((req)->present >> offsetof(struct rpcno_##id, field) & 1)

/* What parameters become. */
union rpc_req {
	uint64_t present;
	uint8_t raw[512];
	union cmd_req cmd;
#define RPC_BEGIN(id, ...) struct rpc_##id id;
#include "cli/rpc.def"
};

struct rpc_method {
	char name[64]; /* "set.tests.rate" */
	const char *help;
	const struct arg_desc *args;
	size_t n_args;
	enum rpc_own own;
	enum cmd_id id;     /* of RPC_COMMAND */
	const char *result; /* its notation (rpc_result.c); NULL: rpc_result_of() has it */
};

/* All of them, of which there are *n. */
const struct rpc_method *rpc_methods(size_t *n);
const struct rpc_method *rpc_method_find(const char *name);
/* The parameter of an argument: its keyword, or where it has none its name, with '_' for '-'. */
void rpc_param_name(const struct arg_desc *a, char *buf, size_t len);
/* An argument that is no parameter: a word that the method's name has. */
bool rpc_param_implied(const struct rpc_method *m, const struct arg_desc *a);
/* rpc_reference.c: prints methods and parameters, Markdown. */
void rpc_reference(void);

/* ---- Errors */

enum rpc_code {
	RPC_PARSE = -32700,
	RPC_INVALID = -32600,
	RPC_NO_METHOD = -32601,
	RPC_PARAMS = -32602
	/* others are CLI_FAILED, CLI_NO_ENGINE, CLI_REFUSED and CLI_TIMEOUT as they are */
};

/* Texts are "" where there is none. */
struct rpc_error {
	int code; /* enum rpc_code or cli_exit */
	int sys;  /* 0 or -errno */
	char message[REPLY_TEXT_MAX + 200];
	char parameter[64], expected[256], where[160];
};
/* Fills in code and message; always -1. */
int rpc_fail(struct rpc_error *e, int code, const char *fmt, ...) format_printf(3, 4);
/* The same of what the engine or a view answered, -errno. */
int rpc_fail_sys(struct rpc_error *e, int sys, const char *message);
/* A new tree that the caller owns. */
json_t *rpc_error_json(const struct rpc_error *e);

/* ---- rpc_map.c: parameters to a request */

/* params may be NULL. 0, or -1 with *e. extra: a parameter that is somebody else's; NULL none. */
int rpc_map(const struct rpc_method *m, const json_t *params, const char *extra, union rpc_req *req,
	struct rpc_error *e);

/* ---- rpc_schema.c, rpc_result.c: what methods look like, for rpc.discover */

/* The OpenRPC document: a tree that the caller owns. */
json_t *rpc_openrpc(void);
/* The schema of a parameter. */
json_t *rpc_param_schema(const struct arg_desc *a);
/* The schema of a method's result, and what it refers to by name: all of that. */
json_t *rpc_result_schema(const struct rpc_method *m);
json_t *rpc_result_parts(void);

/* ---- rpc_frame.c: bytes to messages */

struct rpc_buf {
	char *p;
	size_t len, room;
};
/* False: no memory, or more than most bytes would be in it; nothing is added then. */
bool rpc_buf_add(struct rpc_buf *b, const void *data, size_t len, size_t most);
/* Takes so many bytes from its front. */
void rpc_buf_take(struct rpc_buf *b, size_t len);
void rpc_buf_free(struct rpc_buf *b);

/* Where the first line ends that is not empty, which is moved to the front; its bytes without the
 * newline in *len. seen: what was looked at before; begins as 0, and after a line is taken. */
bool rpc_line(struct rpc_buf *b, size_t *seen, size_t *len);
/* A line to a tree, or NULL with *e. *hopeless: it is of another protocol, such as HTTP. */
json_t *rpc_parse(const char *line, size_t len, struct rpc_error *e, bool *hopeless);

/* One request of a line; what it points to is the tree's. */
struct rpc_request {
	json_t *id; /* NULL: a notification, that is not answered */
	const struct rpc_method *method;
	const json_t *params; /* NULL: none */
};
/* 0, or -1 with *e; id is there as far as it is known. */
int rpc_request_of(const json_t *o, struct rpc_request *r, struct rpc_error *e);
/* An answer's line; result is taken over, e is for when it is NULL. NULL: no memory. To be freed. */
char *rpc_answer_text(const json_t *id, json_t *result, const struct rpc_error *e);

/* ---- rpc_listen.c, rpc_token.c */

struct rpc_at {
	struct sock_at where;
	bool remote; /* others than this machine may reach it */
	int fd;
	char text[160];
};
/* "ADDR:PORT", "[ADDR6]:PORT" or "unix:PATH". 0, or -EINVAL with what is expected in why. */
int rpc_at_parse(struct rpc_at *at, const char *text, char *why, size_t len);
/* Listens; 0, or -errno with why. A socket file that nobody listens on any more is replaced. */
int rpc_at_open(struct rpc_at *at, char *why, size_t len);
void rpc_at_close(struct rpc_at *at);
/* Of a connection: "127.0.0.1:40000", or of a Unix socket's "uid 0 pid 17". */
void rpc_peer_text(int fd, char *buf, size_t len);

/* A file that nobody but its owner can read, who is us or root. 0, or -EINVAL with why. */
int rpc_token_read(const char *path, char token[RPC_TOKEN_MAX], char *why, size_t len);
/* Takes the same time whatever said is. */
bool rpc_token_same(const char token[RPC_TOKEN_MAX], const char *said);

/* ---- The server */

struct rpc_opts {
	struct rpc_at at[RPC_LISTEN_MAX];
	uint32_t n_at;             /* 0: the defaults */
	char token[RPC_TOKEN_MAX]; /* "": none */
	bool on, read_only;
};

/* rpc_opt.c. 0, or CLI_USAGE with a word on stderr.
 * --rpc[=WHERE], or what follows it up to the next option; inside getopt_long(). */
int rpc_opt_where(struct rpc_opts *o, int argc, char **argv);
int rpc_opt_token(struct rpc_opts *o, const char *path);
/* What the options have to do with each other; commands: there are some. */
int rpc_opt_check(const struct rpc_opts *o, bool commands);

/* rpc_server.c: serves until a signal or the engine ends it; the exit code. */
int rpc_run(struct cli *cli, struct rpc_opts *o);
