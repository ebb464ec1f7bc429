/* Inside the applications: one set of functions a row of app.def, called by app.c's switch; and
 * what http.c asks of http_parse.c. */
#pragma once

#include "engine/l7_app/l7_app.h"

/* clang-format off */
#define APP(name, NAME)                                                                            \
	void name##_page(uint8_t *page, uint32_t len); /* what bodies are made of, over and over */ \
	int name##_tc_init(struct app_tc *at, const struct app_config *cfg, char *err, size_t errlen); \
	enum app_act name##_conn_up(const struct app_tc *at, struct app_conn *c, uint8_t *kind);   \
	enum app_act name##_deliver(const struct app_tc *at, struct app_conn *c, struct app_stats st, \
		const uint8_t *data, uint32_t len, int idle, uint8_t *kind);                       \
	enum app_act name##_sent(const struct app_tc *at, struct app_conn *c, struct app_stats st, \
		uint8_t *kind);                                                                    \
	enum app_act name##_lost(const struct app_tc *at, struct app_conn *c, struct app_stats st, \
		uint8_t *kind);                                                                    \
	enum app_act name##_peer_closed(const struct app_tc *at, struct app_conn *c,               \
		struct app_stats st);                                                              \
	void name##_conn_down(const struct app_tc *at, struct app_conn *c, struct app_stats st);
#include "common/cmd/app.def"
/* clang-format on */

#define RAW_BYTE 0x2a /* what RAW's messages are made of */

/* app_conn.flags of the message being read; the last bit is the connection's and outlives
 * messages. */
#define HF_LEN 0x01u     /* Content-Length was there, rx_left is its value */
#define HF_TE 0x02u      /* Transfer-Encoding was there ... */
#define HF_CHUNKED 0x04u /* ... and chunked is its last word */
#define HF_CLOSE 0x08u   /* Connection: close */
#define HF_KEEP 0x10u    /* Connection: keep-alive */
#define HF_HTTP10 0x20u
#define HF_HEAD 0x40u  /* request: the method is HEAD */
#define HF_AWAIT 0x80u /* client: a request is out, its response is due */
#define HF_LAST 0x80u  /* server: the connection is closed when all that is due is sent */

/* A client's app_conn.kinds: of the status line read last. */
#define HS_CLASS 0x07u   /* 1 to 5 */
#define HS_NO_BODY 0x08u /* 204, 304 */

static inline uint8_t http_status_kinds(uint32_t status)
{
	return status / 100 | (status == 204 || status == 304 ? HS_NO_BODY : 0);
}

enum http_event {
	HTTP_MORE,     /* all bytes were used, the message goes on */
	HTTP_HEAD_END, /* the head is complete: http_body_begin() says what comes */
	HTTP_MSG_END,  /* the message is complete */
	HTTP_BAD       /* not HTTP/1.x */
};

/* Begins a new message. A zeroed app_conn is at the beginning of one. */
void http_parse_begin(struct app_conn *c);

/* Nothing more is expected on the connection: all that still comes is passed over. */
void http_parse_end(struct app_conn *c);

/* Reads on until something happens; *used bytes were taken. */
enum http_event http_parse(
	struct app_conn *c, int response, const uint8_t *data, uint32_t len, uint32_t *used);

/* http_head.c: the bytes of the head that begins at data; its flags, rx_left and (response)
 * kinds are in c then. 0: it is not whole, or not a usual one; c is as before. */
uint32_t http_head_read(struct app_conn *c, int response, const uint8_t *data, uint32_t len);

/* The head is complete; no_body: the message ends with it whatever it says. HTTP_MORE,
 * HTTP_MSG_END or HTTP_BAD. */
enum http_event http_body_begin(struct app_conn *c, int response, int no_body);

/* Is the body one that ends with the connection? */
int http_until_close(const struct app_conn *c);

/* Has a message been begun and not ended? */
int http_in_message(const struct app_conn *c);

/* Was http_parse_end() called? */
int http_ended(const struct app_conn *c);
