/* Inside the applications: one set of functions a row of app.def, called by app.c's switch. */
#pragma once

#include "engine/l7_app/l7_app.h"

#define APP(name, NAME)                                                                            \
	int name##_tc_init(struct app_tc *at, const struct tc_config *cfg, char *err, size_t errlen); \
	enum app_act name##_conn_up(const struct app_tc *at, struct app_conn *c, uint8_t *kind);   \
	enum app_act name##_deliver(const struct app_tc *at, struct app_conn *c, struct app_stats st, \
		const uint8_t *data, uint32_t len, int idle, uint8_t *kind);                       \
	enum app_act name##_sent(                                                                  \
		const struct app_tc *at, struct app_conn *c, struct app_stats st, uint8_t *kind);  \
	enum app_act name##_peer_closed(const struct app_tc *at, struct app_conn *c, struct app_stats st); \
	void name##_conn_down(const struct app_tc *at, struct app_conn *c, struct app_stats st);
#include "engine/l7_app/app.def"

/* http_parse.c: flags of the message being read */
#define HF_LEN 0x01u     /* Content-Length was there */
#define HF_CHUNKED 0x02u
#define HF_CLOSE 0x04u   /* Connection: close */
#define HF_KEEP 0x08u    /* Connection: keep-alive */
#define HF_HTTP10 0x10u
#define HF_HEAD 0x20u    /* request: the method is HEAD */
#define HF_AWAIT 0x40u   /* client: a response is due */
#define HF_LAST 0x80u    /* server: after this response the connection is closed */

enum http_event {
	HTTP_MORE,    /* all bytes were used, the message goes on */
	HTTP_HEAD_END, /* the head is complete: http_body_begin() says what comes */
	HTTP_MSG_END, /* the message is complete */
	HTTP_BAD      /* not HTTP/1.x */
};

/* Begins a new message. */
void http_parse_begin(struct app_conn *c);
/* Reads on until something happens; *used bytes were taken. status: set when a response's status line is complete. */
enum http_event http_parse(struct app_conn *c, int response, const uint8_t *data, uint32_t len, uint32_t *used,
	uint16_t *status);
/* The head is complete; no_body: the message ends with it whatever it says. */
enum http_event http_body_begin(struct app_conn *c, int response, int no_body);
/* Is the body one that ends with the connection? */
int http_until_close(const struct app_conn *c);
/* Has nothing of a message been read yet? */
int http_at_start(const struct app_conn *c);
