/* HTTP/1.x messages (RFC 9112) as they come, cut anywhere. One automaton: lines that do not matter are crossed with
 * memchr(), so that it costs a few steps a line, not one a byte. */
#include "engine/l7_app/l7_priv.h"

#include <string.h>

enum phase {
	PH_START,   /* before the first character of a message */
	PH_STATUS,  /* "HTTP/1.x NNN", sub: place */
	PH_METHOD,  /* sub: characters that match "HEAD", 255 none */
	PH_TARGET,
	PH_VERSION, /* "HTTP/1.x", sub: place */
	PH_SKIP,    /* to the end of a line of the head */
	PH_LINE,    /* at the start of a header line */
	PH_NAME,    /* sub: field, acc: characters matched */
	PH_VALUE,   /* sub: field, acc: characters matched */
	PH_BODY,    /* rx_left bytes */
	PH_CLOSE,   /* body that ends with the connection */
	PH_CHUNK,   /* size of a chunk; sub: digits seen */
	PH_CHUNK_EXT,
	PH_CHUNK_DATA,
	PH_CHUNK_END,
	PH_TRAILER, /* at the start of a trailer line */
	PH_TRAILER_SKIP,
	PH_CR       /* CR at a line's start: LF must follow; sub: phase it belongs to */
};

enum field {
	FIELD_LENGTH,
	FIELD_TRANSFER,
	FIELD_CONNECTION
};
static const char *const field_name[] = {"content-length", "transfer-encoding", "connection"};

void http_parse_begin(struct app_conn *c)
{
	c->phase = PH_START;
	c->sub = 0;
	c->acc = 0;
	c->rx_left = 0;
	c->flags &= HF_AWAIT | HF_LAST;
}

int http_until_close(const struct app_conn *c)
{
	return c->phase == PH_CLOSE;
}

int http_at_start(const struct app_conn *c)
{
	return c->phase == PH_START;
}

/* "HTTP/1." and the minor version, at place sub. */
static int version_char(struct app_conn *c, uint8_t ch)
{
	static const char want[] = "HTTP/1.";

	if (c->sub < 7)
		return ch == (uint8_t)want[c->sub];
	if (ch != '0' && ch != '1')
		return 0;
	if (ch == '0')
		c->flags |= HF_HTTP10;
	return 1;
}

static enum http_event status_char(struct app_conn *c, uint8_t ch, uint16_t *status)
{
	if (c->sub < 8) {
		if (!version_char(c, ch))
			return HTTP_BAD;
	} else if (c->sub == 8) {
		if (ch != ' ')
			return HTTP_BAD;
		c->acc = 0;
	} else {
		if (ch < '0' || ch > '9' || (c->sub == 9 && (ch < '1' || ch > '5')))
			return HTTP_BAD;
		c->acc = c->acc * 10 + ch - '0';
		if (c->sub == 11) {
			*status = c->acc;
			c->phase = PH_SKIP;
		}
	}
	c->sub++;
	return HTTP_MORE;
}

static enum http_event method_char(struct app_conn *c, uint8_t ch)
{
	static const char head[] = "HEAD";

	if (ch == ' ') {
		if (c->sub == 4)
			c->flags |= HF_HEAD;
		c->phase = PH_TARGET;
		return HTTP_MORE;
	}
	if ((ch < 'A' || ch > 'Z') && ch != '-' && ch != '_')
		return HTTP_BAD;
	c->sub = c->sub < 4 && ch == (uint8_t)head[c->sub] ? c->sub + 1 : 255;
	return HTTP_MORE;
}

static void line_char(struct app_conn *c, uint8_t ch)
{
	uint8_t low = ch | 0x20;

	c->acc = 1;
	c->phase = PH_NAME;
	if (low == 'c')
		c->sub = FIELD_LENGTH; /* or connection: they part at the fourth letter */
	else if (low == 't')
		c->sub = FIELD_TRANSFER;
	else
		c->phase = PH_SKIP;
}

/* False: it is another field. */
static int name_char(struct app_conn *c, uint8_t ch)
{
	const char *want = field_name[c->sub];

	if (want[c->acc] == '\0') {
		if (ch != ':')
			return 0;
		c->phase = PH_VALUE;
		c->acc = 0;
		return 1;
	}
	if (c->sub == FIELD_LENGTH && c->acc == 3 && (ch | 0x20) == 'n') {
		c->sub = FIELD_CONNECTION;
		c->acc = 4;
		return 1;
	}
	if ((ch | 0x20) != (uint8_t)want[c->acc])
		return 0;
	c->acc++;
	return 1;
}

/* acc: 0 before the value, 1 within its digits, 2 behind them */
static enum http_event length_char(struct app_conn *c, uint8_t ch)
{
	if (ch == ' ' || ch == '\t') {
		c->acc = c->acc == 0 ? 0 : 2;
		return HTTP_MORE;
	}
	if (ch < '0' || ch > '9' || c->acc == 2 || (c->acc == 0 && (c->flags & HF_LEN))
		|| c->rx_left > (UINT32_MAX - 9) / 10)
		return HTTP_BAD;
	c->acc = 1;
	c->flags |= HF_LEN;
	c->rx_left = c->rx_left * 10 + ch - '0';
	return HTTP_MORE;
}

/* Tokens that matter, at the start of the value: chunked, close, keep-alive. */
static enum http_event value_char(struct app_conn *c, uint8_t ch)
{
	static const char *const token[] = {"chunked", "close", "keep-alive"};
	static const uint8_t flag[] = {HF_CHUNKED, HF_CLOSE, HF_KEEP};
	uint8_t low = ch | 0x20, which;

	if (c->sub == FIELD_LENGTH)
		return length_char(c, ch);
	if (c->acc == 0 && (ch == ' ' || ch == '\t'))
		return HTTP_MORE;
	if (c->acc == 0)
		c->acc = (c->sub == FIELD_TRANSFER ? 0 : low == 'k' ? 2 : 1) << 8;
	which = c->acc >> 8;
	if (low != (uint8_t)token[which][c->acc & 255]) {
		c->phase = PH_SKIP;
		return HTTP_MORE;
	}
	c->acc++;
	if (token[which][c->acc & 255] == '\0') {
		c->flags |= flag[which];
		c->phase = PH_SKIP;
	}
	return HTTP_MORE;
}

enum http_event http_body_begin(struct app_conn *c, int response, int no_body)
{
	c->acc = 0;
	c->sub = 0;
	if (no_body)
		return HTTP_MSG_END;
	if (c->flags & HF_CHUNKED) {
		c->rx_left = 0;
		c->phase = PH_CHUNK;
		return HTTP_MORE;
	}
	if ((c->flags & HF_LEN) || !response) {
		c->phase = PH_BODY;
		return c->rx_left == 0 ? HTTP_MSG_END : HTTP_MORE;
	}
	c->phase = PH_CLOSE;
	return HTTP_MORE;
}

static enum http_event chunk_size_char(struct app_conn *c, uint8_t ch)
{
	uint8_t low = ch | 0x20, digit;

	if (ch >= '0' && ch <= '9') {
		digit = ch - '0';
	} else if (low >= 'a' && low <= 'f') {
		digit = low - 'a' + 10;
	} else if (c->sub != 0 && (ch == ';' || ch == ' ' || ch == '\t' || ch == '\r')) {
		c->phase = PH_CHUNK_EXT;
		return HTTP_MORE;
	} else {
		return HTTP_BAD;
	}
	if (c->rx_left >> 28 != 0)
		return HTTP_BAD;
	c->rx_left = c->rx_left << 4 | digit;
	c->sub = 1;
	return HTTP_MORE;
}

/* LF of a chunk's size line. */
static enum http_event chunk_begin(struct app_conn *c)
{
	if (c->sub == 0)
		return HTTP_BAD;
	c->phase = c->rx_left == 0 ? PH_TRAILER : PH_CHUNK_DATA;
	return HTTP_MORE;
}

/* The end of a line of the head or of a trailer. */
static enum http_event line_end(struct app_conn *c)
{
	switch ((enum phase)c->phase) {
	case PH_START:
		return HTTP_MORE; /* an empty line before a message: RFC 9112 §2.2 */
	case PH_LINE:
		return HTTP_HEAD_END;
	case PH_VALUE:
		if (c->sub == FIELD_LENGTH && c->acc == 0)
			return HTTP_BAD;
		c->phase = PH_LINE;
		return HTTP_MORE;
	case PH_SKIP:
	case PH_NAME:
		c->phase = PH_LINE;
		return HTTP_MORE;
	case PH_VERSION:
		if (c->sub != 8)
			return HTTP_BAD;
		c->phase = PH_LINE;
		return HTTP_MORE;
	case PH_CHUNK:
	case PH_CHUNK_EXT:
		return chunk_begin(c);
	case PH_CHUNK_END:
		c->phase = PH_CHUNK;
		c->sub = 0;
		return HTTP_MORE;
	case PH_TRAILER:
		return HTTP_MSG_END;
	case PH_TRAILER_SKIP:
		c->phase = PH_TRAILER;
		return HTTP_MORE;
	default:
		return HTTP_BAD;
	}
}

/* One character that is neither in a body nor the end of a line. */
static enum http_event head_char(struct app_conn *c, int response, uint8_t ch, uint16_t *status)
{
	switch ((enum phase)c->phase) {
	case PH_START:
		if (ch == '\r')
			return HTTP_MORE;
		c->phase = response ? PH_STATUS : PH_METHOD;
		return head_char(c, response, ch, status);
	case PH_STATUS:
		return status_char(c, ch, status);
	case PH_METHOD:
		return method_char(c, ch);
	case PH_TARGET:
		if (ch == ' ') {
			c->phase = PH_VERSION;
			c->sub = 0;
		}
		return HTTP_MORE;
	case PH_VERSION:
		if (ch == '\r' && c->sub == 8)
			return HTTP_MORE;
		if (c->sub == 8 || !version_char(c, ch))
			return HTTP_BAD;
		c->sub++;
		return HTTP_MORE;
	case PH_LINE:
		if (ch != '\r')
			line_char(c, ch);
		return HTTP_MORE;
	case PH_NAME:
		if (!name_char(c, ch))
			c->phase = PH_SKIP;
		return HTTP_MORE;
	case PH_VALUE:
		return ch == '\r' ? HTTP_MORE : value_char(c, ch);
	case PH_CHUNK:
		return chunk_size_char(c, ch);
	case PH_CHUNK_END:
		return ch == '\r' ? HTTP_MORE : HTTP_BAD;
	case PH_TRAILER:
		if (ch != '\r')
			c->phase = PH_TRAILER_SKIP;
		return HTTP_MORE;
	default:
		return HTTP_MORE; /* PH_SKIP, PH_CHUNK_EXT, PH_TRAILER_SKIP */
	}
}

static int skips(uint8_t phase)
{
	return phase == PH_SKIP || phase == PH_CHUNK_EXT || phase == PH_TRAILER_SKIP;
}

enum http_event http_parse(struct app_conn *c, int response, const uint8_t *data, uint32_t len,
	uint32_t *used, uint16_t *status)
{
	const uint8_t *p = data, *end = data + len;
	enum http_event e = HTTP_MORE;

	while (p < end && e == HTTP_MORE) {
		if (c->phase == PH_BODY || c->phase == PH_CHUNK_DATA) {
			uint32_t n = MIN_OF((uint32_t)(end - p), c->rx_left);

			p += n;
			c->rx_left -= n;
			if (c->rx_left == 0 && c->phase == PH_BODY)
				e = HTTP_MSG_END;
			else if (c->rx_left == 0)
				c->phase = PH_CHUNK_END;
		} else if (c->phase == PH_CLOSE) {
			p = end;
		} else {
			if (skips(c->phase)) {
				p = memchr(p, '\n', end - p);
				if (p == NULL) {
					p = end;
					break;
				}
			}
			e = *p == '\n' ? line_end(c) : head_char(c, response, *p, status);
			p++;
		}
	}
	*used = p - data;
	return e;
}
