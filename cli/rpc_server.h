/* Inside the RPC server: its clients, and what each has under way. */
#pragma once

#include "cli/rpc.h"
#include "common/abi/baseline.h"

struct rpc_server {
	struct cli *cli;
	const struct rpc_opts *o;
	struct rpc_conn *conns[RPC_CLIENTS_MAX];
	uint32_t n_conns;
	int64_t deaf_until_ms; /* nobody is accepted before; 0: all are */
};

/* Of a request that is not answered yet. */
enum rpc_step {
	STEP_IDLE,  /* none is: the next of the line is due */
	STEP_PLACE, /* a place at the engine is to come */
	STEP_SEND,  /* the ring is to have room */
	STEP_REPLY, /* the engine is to answer */
	STEP_RATE   /* a second is to pass, for show link rate */
};

struct rpc_call {
	json_t *line;           /* a request or a batch; NULL: none under way */
	size_t at;              /* the next of a batch */
	struct rpc_buf answers; /* of a batch */
	struct rpc_request r;
	enum rpc_step step;
	union rpc_req req;
	int64_t until_ms; /* then it has taken too long, or long enough */
};

struct rpc_sub {
	uint32_t no;                     /* 0: none */
	const struct rpc_method *method; /* NULL: events */
	union cmd_req req;
	uint32_t every_ms;
	int64_t due_ms;
	uint64_t next_event, seq, lost;
	struct link_sample *before; /* of show link rate */
};

struct rpc_conn {
	struct rpc_server *server;
	int fd;
	bool trusted; /* the token was said, or none is needed */
	bool heard;   /* it has said something that makes sense */
	bool eof;     /* it says no more */
	bool closing; /* it ends as soon as all has been sent */
	bool shut;    /* all has: its own end is waited for, until closed_ms */
	bool dead;    /* it ends now */
	char peer[80];
	struct rpc_buf in, out;
	size_t seen;
	struct client place;
	bool placed, read_only;
	char name[NAME_MAX_LEN];
	struct rpc_call call;
	struct baseline base; /* of clear statistics */
	struct link_sample *link;
	struct rpc_sub subs[RPC_SUBS_MAX];
	uint32_t last_sub;
	int64_t closed_ms;
	int64_t came_ms, took_ms; /* took: when it last took something, or had nothing to take */
	int64_t credit_ms;        /* when credit was reckoned */
	uint32_t credit;          /* requests that it may make now */
};

/* rpc_conn.c */
struct rpc_conn *rpc_conn_new(struct rpc_server *s, int fd, bool trusted);
void rpc_conn_free(struct rpc_conn *c);
/* Its socket can be read, or written. */
void rpc_conn_read(struct rpc_conn *c);
void rpc_conn_write(struct rpc_conn *c);
/* Is more to be read now? Is there nothing to wait for, as it says no more and has all? */
bool rpc_conn_wants(const struct rpc_conn *c);
bool rpc_conn_mute(const struct rpc_conn *c);
/* A bounded piece of work; true: there is more to do now. *next_ms: when to look again at the
 * latest, is only lowered. */
bool rpc_conn_work(struct rpc_conn *c, int64_t now_ms, int64_t *next_ms);
/* Takes over text, a line without its end; NULL: no memory. */
void rpc_conn_say(struct rpc_conn *c, char *text);

/* rpc_call.c: one step of what is under way; as rpc_conn_work(). */
bool rpc_call_step(struct rpc_conn *c, int64_t now_ms, int64_t *next_ms);
void rpc_call_begin(struct rpc_conn *c, json_t *line);
/* Answers all that is under way: the engine has gone. */
void rpc_call_gone(struct rpc_conn *c);
void rpc_call_free(struct rpc_call *call);
/* A view of the connection's: NULL with *e. */
json_t *rpc_view(struct rpc_conn *c, enum cmd_id id, const union cmd_req *req, struct rpc_error *e);

/* rpc_session.c: may it have the session that it wants? 0, or -1 with *e. */
int rpc_session_open(struct rpc_conn *c, struct rpc_error *e);
/* A method of the server's own: the result, or NULL with *e. */
json_t *rpc_own_call(struct rpc_conn *c, struct rpc_error *e);
/* One step towards a place at the engine: 0 it is there, -EAGAIN, or -errno with why. */
int rpc_place(struct rpc_conn *c, char *why, size_t len);

/* rpc_subs.c */
json_t *rpc_subscribe(struct rpc_conn *c, struct rpc_error *e);
json_t *rpc_unsubscribe(struct rpc_conn *c, struct rpc_error *e);
void rpc_subs_step(struct rpc_conn *c, int64_t now_ms, int64_t *next_ms);
void rpc_subs_free(struct rpc_conn *c);
