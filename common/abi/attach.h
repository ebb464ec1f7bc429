/* How a client finds the engine, attaches as a DPDK secondary, commands it and leaves.
 *
 * First the handshake over the Unix socket SOCK_SEQPACKET <rundir>/warp17.sock: struct hello there,
 * struct welcome back. It costs nothing when there is no engine (no EAL is started), carries the
 * peer's credentials, and its EOF is how each side learns at once that the other died. Then the EAL
 * comes up as a secondary, the segment is mapped, and one byte says so: an operator that does not
 * get that far is ended by the engine, since it may hold one of the EAL's file locks. From then on
 * a byte over the socket says that there is a request in the ring, so that management may sleep;
 * management sends one back after a reply (never blocking). */
#pragma once

#include "common/abi/segment.h"

/* The EAL's file prefix, which tells the engines of a machine apart. It is the name of a directory
 * and goes through a format of the EAL's. */
#define PREFIX_DEFAULT "warp17"
#define PREFIX_MAX 64 /* with its end */
#define PREFIX_RULE "1 to 63 characters without '/' and '%', and no '.' or '-' in front"
bool prefix_ok(const char *prefix);
static_assert(sizeof(((struct seg_header *)0)->prefix) == PREFIX_MAX);

/* Directory of the prefix's run-time files, as the EAL chooses it. */
#define RUNDIR_MAX 256
void rundir_path(const char *prefix, char buf[RUNDIR_MAX]);

/* How long each step may take. The engine ends a client that takes longer from its hello to the
 * byte that says it is attached; clients give up in time to say so themselves. */
#define HANDSHAKE_MS 2000 /* to be accepted; from there to the hello; from that to the welcome */
#define ATTACH_EAL_S 4
#define ATTACH_MAX_S 5
static_assert(ATTACH_EAL_S < ATTACH_MAX_S);
#define STALE_MS 2000 /* without a sign of life an engine is stopped or hung */

#define HELLO_MAGIC 0x37315748u
struct hello {
	uint32_t magic, kind; /* enum client_kind */
	uint64_t fingerprint;
	uint32_t read_only, pad;
	char name[NAME_MAX_LEN];
};
struct welcome {
	uint32_t magic;
	int32_t code; /* 0 or -errno, then text says why */
	uint32_t slot, generation;
	uint64_t fingerprint;
	char text[128];      /* up to here the same in all builds: they tell each other so by it */
	uint64_t seg, slots; /* where they lie: in all processes at the same addresses */
};

struct attach_opts {
	const char *prefix; /* NULL: PREFIX_DEFAULT */
	const char *name;   /* operator's name; NULL: user@tty */
	enum client_kind kind;
	bool read_only;
	/* Called in a signal's context when the EAL does not come up in time; must not return. */
	void (*stuck)(void);
	/* Called before this process re-executes itself, to map the memory at addresses that suit
	 * the engine's. NULL: nothing to be done. */
	void (*leaving)(void);
};

struct client {
	int sock;
	int cancel_fd; /* the caller's: when it is readable client_call() gives up; -1 none */
	const struct seg *seg;
	struct slot *slot;
	uint32_t slot_no, generation;
	uint32_t seq, req_prod, rep_cons; /* ours; the shared words are only written */
	bool started; /* the EAL was, or tried to: this image of the process cannot attach again */
};

/* 0, or -errno with a sentence and the next step in err: -ENOENT/-ECONNREFUSED no engine,
 * -ECONNRESET/-EPIPE it is stopping, -ETIMEDOUT it does not answer, -EACCES not allowed, -EPROTO
 * another build, -EBUSY no slot free. EAL is started at most once in a process, and only for an
 * engine that answered: a program that must attach again after that re-executes itself (c->started,
 * common/util/image.h). */
int client_attach(struct client *c, const struct attach_opts *o, char *err, size_t errlen);

/* Sends a request and waits for its reply. 0 when a reply came (rep->code is the command's),
 * -ETIMEDOUT, -EINTR by cancel_fd (the engine may still do what it was asked), or -EPIPE when the
 * engine is gone. */
int client_call(struct client *c, enum cmd_id id, const union cmd_req *req, struct rep_cell *rep,
	int timeout_ms);

/* Is the engine still there? Does not block, takes no doorbell; any thread. */
bool client_alive(const struct client *c);
/* How long the engine has shown no sign of life; see STALE_MS. */
uint64_t client_beat_age_ms(const struct client *c);

/* Calls gone(arg) from a thread of its own when the engine goes, whatever the others wait for: a
 * client must leave the dead engine's memory at once. One watch a process. 0 or -errno. */
int client_watch(const struct client *c, void (*gone)(void *arg), void *arg);

/* Maps the engine's memory read only, but for (keep_slots) the page that holds the slots. Bug
 * containment, not security. 0 or -1 with errno. */
int client_protect(struct client *c, bool keep_slots);

/* Gives the slot back. The caller then leaves with _exit(): rte_eal_cleanup() would reset the
 * primary's ports. With a watch _exit() alone is right: the watch would take this for the engine's
 * end. */
void client_detach(struct client *c);
