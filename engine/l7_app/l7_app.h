/* Applications: what is said over a connection. TCP, UDP and the test cases know them only by this
 * header.
 *
 * What an endpoint sends is a function of (test case, message kind, offset): there is no send
 * buffer, and a retransmission asks for the same bytes again. What it receives is given to
 * app_deliver() in order, once. Each application is a row of app.def and a file of its own; calls
 * go through a switch so that they inline. */
#pragma once

#include "common/abi/testcase.h"
#include "common/stats/stats.h"
#include "common/util/compiler.h"
#include "engine/l7_app/stamp.h"

#include <stdbool.h>
#include <string.h>

#define APP_KINDS 4       /* kinds of message a test case may send */
#define APP_HEAD_MAX 1024 /* bytes of a message before its body */
#define APP_SHORT 128     /* what is at most so long may be copied with what lies behind it */

/* One message: a head of its own, then a body that is the shared pattern page over and over. What is
 * short stands whole in the head. */
struct app_msg {
	uint32_t head_len;
	uint32_t len; /* head and body */
	uint8_t head[APP_HEAD_MAX];
	uint8_t slack[APP_SHORT]; /* may be read behind the head */
};

/* app_tc.rx_watch, for whoever delivers. */
#define APP_WATCH_STAMPS 1u /* RAW: messages begin with the time they were sent */
#define APP_WATCH_TIMES 2u  /* response times are measured; set by who knows of them */

/* An application's view of a test case: made at start, immutable while it runs, one copy an engine.
 */
struct app_tc {
	uint32_t app; /* enum app_kind */
	uint32_t is_client, is_udp;
	uint32_t requests; /* close after so many; 0 no limit */
	uint32_t rx_bytes; /* RAW: size of a message from the peer */
	uint32_t is_head;  /* HTTP client: its requests are HEAD */
	uint8_t tx_stamp;  /* RAW: messages begin with the time they were sent */
	uint8_t rx_watch;  /* APP_WATCH_*: what bytes are looked at for before they are delivered */
	uint8_t answered;  /* client: each of its messages has a response */
	struct app_msg msg[APP_KINDS];
};

/* What an application keeps of a connection. */
struct app_conn {
	uint32_t rx_left; /* bytes of the message's body (or of the chunk) still to come */
	uint32_t n_done;  /* client: requests answered; server: requests received */
	uint16_t acc;     /* parser: number being read, characters matched */
	uint8_t phase;    /* parser state */
	uint8_t sub;      /* parser: place within it */
	uint8_t flags;    /* of the message being read */
	uint8_t pending;  /* messages to send as soon as the one being sent is out */
	uint8_t kinds;    /* HTTP server: bit i: the i-th pending one answers HEAD */
	uint8_t slot;     /* which application of its test case's: imix_slot(); the caller's */
};
static_assert(sizeof(struct app_conn) == 16 && offsetof(struct app_conn, slot) == 15);

/* What the caller has to do after an event. */
enum app_act {
	APP_NONE,
	APP_SEND,  /* begin to send message *kind */
	APP_CLOSE, /* send FIN once all that was begun is sent */
	APP_ABORT  /* reset: the peer does not speak the protocol */
};

/* Counters an application may touch: of its test case and of its port, this worker's. */
struct app_stats {
	struct stats_tc *tc;
	struct stats_http *http;
};

/* The applications of an IMIX group, by slots. The slot of a session is a function of its addresses
 * and ports that is the same on both ends, so that a group of clients and one of servers with equal
 * weights agree upon each session. It is no hash: consecutive ports take the slots in turn, each as
 * often as its weight says, so that few sessions are shared out well too. */
struct app_mix {
	uint32_t n, total; /* slots, sum of the weights */
	uint32_t step;     /* from one address to the next; shares no factor with total */
	uint8_t weight[IMIX_GROUP_APPS];
	uint8_t turn[IMIX_WEIGHT_MAX]; /* slots in turn, as evenly apart as their weights allow */
};
void imix_build(struct app_mix *m, const uint8_t *weight, uint32_t n);

static inline uint8_t imix_slot(
	const struct app_mix *m, uint32_t ip, uint32_t other_ip, uint16_t port, uint16_t other_port)
{
	return m->turn[(((uint64_t)ip + other_ip) * m->step + port + other_port) % m->total];
}

/* Management, at start: builds the messages of that side. 0, or -errno with why in err (head too
 * long, not over that transport). */
int app_tc_init(struct app_tc *at, const struct app_config *cfg, enum tc_kind side,
	enum l4proto proto, char *err, size_t errlen);

/* Worker: the connection is established. Resets c but for its slot. A client answers APP_SEND and *kind, a server
 * APP_NONE. */
enum app_act app_conn_up(
	const struct app_tc *at, struct app_conn *c, struct app_stats st, uint8_t *kind);

/* Worker: the next len bytes of the stream (TCP), or one whole datagram (UDP; is one message or
 * part of one). All of them are taken. APP_SEND is answered only when idle says that nothing is
 * being sent; otherwise it is remembered in c and answered by app_sent(). */
enum app_act app_deliver(const struct app_tc *at, struct app_conn *c, struct app_stats st,
	const uint8_t *data, uint32_t len, int idle, uint8_t *kind);

/* Worker: the whole of the message of that kind has been handed to TCP or UDP. */
enum app_act app_sent(
	const struct app_tc *at, struct app_conn *c, struct app_stats st, uint8_t *kind);

/* Worker: nothing came for a while over a transport that loses messages (UDP): what was awaited is
 * given up. */
enum app_act app_lost(
	const struct app_tc *at, struct app_conn *c, struct app_stats st, uint8_t *kind);

/* Worker: the peer has closed its side (FIN). APP_CLOSE or, for a response without a length, counts
 * it and APP_CLOSE. */
enum app_act app_peer_closed(const struct app_tc *at, struct app_conn *c, struct app_stats st);

/* Worker: the connection is gone, however it ended; counts what was left unfinished. */
void app_conn_down(const struct app_tc *at, struct app_conn *c, struct app_stats st);

/* The bytes of a message from off on: where they are and, in *len, how many lie there in a row (at
 * least 1). Valid as long as the test case runs; what is sent large is attached, not copied. off <
 * msg[kind].len. */
const uint8_t *app_payload(const struct app_tc *at, uint8_t kind, uint32_t off, uint32_t *len);

/* Copies len bytes of a message to where there is room for APP_SHORT more, if they are few and lie in
 * a row: without a loop, and without a call. False: they are not. */
static force_inline bool app_short_copy(
	const struct app_tc *at, uint8_t kind, uint32_t off, uint8_t *to, uint32_t len)
{
	const struct app_msg *m = &at->msg[kind];

	if (unlikely(len > APP_SHORT || off + len > m->head_len))
		return false;
	memcpy(to, m->head + off, APP_SHORT / 2);
	if (len > APP_SHORT / 2)
		memcpy(to + APP_SHORT / 2, m->head + off + APP_SHORT / 2, APP_SHORT / 2);
	return true;
}

/* Stamps, of a RAW test case with tx_stamp: over len bytes of its message stream from off on, which
 * stand at `to`; off within a message. Each message begins with one, unless it would not all be in
 * these bytes: then they are as without stamps. */
apart void app_stamps_write(
	const struct app_tc *at, uint32_t off, uint8_t *to, uint32_t len, uint64_t ns);

/* With APP_WATCH_STAMPS, before app_deliver() is given these bytes: the next stamp in data at or behind *at,
 * which becomes where the next look begins: its word (stamp.h). False: there is none. */
bool app_stamp_next(const struct app_tc *tc, const struct app_conn *c, const uint8_t *data,
	uint32_t len, uint32_t *at, uint64_t *word);
