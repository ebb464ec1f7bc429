/* HTTP/1.x messages (RFC 9112) as they come, cut anywhere: one automaton that knows the whole
 * grammar and keeps its place in app_conn. Lines that do not matter are crossed with memchr(),
 * and whole usual heads are left to http_head.c. */
#include "engine/l7_app/l7_priv.h"

#include <string.h>

enum phase {
	PH_START, /* before the first character of a message */
	PH_START_CR,
	PH_STATUS,  /* "HTTP/1.x NNN" and what parts it from the reason; sub: place, acc: number */
	PH_METHOD,  /* sub: characters that match "HEAD", 255 none */
	PH_TARGET,  /* sub: 0 at its first character */
	PH_VERSION, /* "HTTP/1.x" CR; sub: place */
	PH_SKIP,    /* to the end of a line of the head */
	PH_LINE,    /* at the start of a header line */
	PH_LINE_CR,
	PH_NAME,  /* sub: field, acc: characters matched */
	PH_VALUE, /* sub: field, acc: see length_char() and word_char() */
	PH_FOLD, /* behind a value's line: blank goes on with it (obs-fold), sub and acc as there */
	PH_BODY, /* rx_left bytes */
	PH_CLOSE, /* body that ends with the connection */
	PH_CHUNK, /* size of a chunk; sub: 1 a digit was seen */
	PH_CHUNK_EXT,
	PH_CHUNK_DATA,
	PH_CHUNK_END, /* CRLF behind its data; sub: 1 CR was seen */
	PH_TRAILER,   /* at the start of a trailer line */
	PH_TRAILER_CR,
	PH_TRAILER_SKIP,
	PH_ENDED /* whatever comes is passed over */
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
	c->rx_left = 0;
	c->flags &= HF_AWAIT | HF_LAST;
}

void http_parse_end(struct app_conn *c)
{
	c->phase = PH_ENDED;
}

int http_until_close(const struct app_conn *c)
{
	return c->phase == PH_CLOSE;
}

int http_in_message(const struct app_conn *c)
{
	return c->phase != PH_START && c->phase != PH_START_CR && c->phase != PH_ENDED;
}

int http_ended(const struct app_conn *c)
{
	return c->phase == PH_ENDED;
}

enum http_event http_body_begin(struct app_conn *c, int response, int no_body)
{
	if (no_body)
		return HTTP_MSG_END;
	if (c->flags & HF_CHUNKED) {
		c->rx_left = 0;
		c->sub = 0;
		c->phase = PH_CHUNK;
		return HTTP_MORE;
	}
	if ((c->flags & HF_TE) && !response)
		return HTTP_BAD; /* where it ends nobody can know: RFC 9112 §6.3 */
	if (!(c->flags & HF_TE) && (!response || (c->flags & HF_LEN))) {
		c->phase = PH_BODY;
		return c->rx_left == 0 ? HTTP_MSG_END : HTTP_MORE;
	}
	c->phase = PH_CLOSE;
	return HTTP_MORE;
}

/* the automaton */

static uint8_t lower(uint8_t ch)
{
	return ch >= 'A' && ch <= 'Z' ? ch | 0x20 : ch;
}

static int blank(uint8_t ch)
{
	return ch == ' ' || ch == '\t';
}

static int digit(uint8_t ch)
{
	return ch >= '0' && ch <= '9';
}

/* What a method may be made of: RFC 9110 §5.6.2. */
static int token_char(uint8_t ch)
{
	return digit(ch) || (lower(ch) >= 'a' && lower(ch) <= 'z')
		|| (ch != 0 && strchr("!#$%&'*+-.^_`|~", ch) != NULL);
}

/* "HTTP/1." and the minor version, at place sub. */
static int version_char(struct app_conn *c, uint8_t ch)
{
	static const char want[] = "HTTP/1.";

	if (c->sub < 7)
		return ch == (uint8_t)want[c->sub];
	if (ch == '0')
		c->flags |= HF_HTTP10;
	return ch == '0' || ch == '1';
}

static int status_char(struct app_conn *c, uint8_t ch)
{
	uint8_t at = c->sub;

	if (at < 8) {
		int good = version_char(c, ch);

		c->sub++;
		return good;
	}
	if (at == 8) {
		c->sub++;
		c->acc = 0;
		return ch == ' ';
	}
	if (at < 12) {
		c->sub++;
		c->acc = c->acc * 10 + ch - '0';
		return digit(ch) && (at > 9 || (ch >= '1' && ch <= '5'));
	}
	c->kinds = http_status_kinds(c->acc);
	c->phase = PH_SKIP;
	return ch == ' ' || ch == '\r';
}

static int method_char(struct app_conn *c, uint8_t ch)
{
	static const char head[] = "HEAD";

	if (ch == ' ') {
		if (c->sub == 4)
			c->flags |= HF_HEAD;
		c->phase = PH_TARGET;
		c->sub = 0;
		return 1;
	}
	c->sub = c->sub < 4 && ch == (uint8_t)head[c->sub] ? c->sub + 1 : 255;
	return token_char(ch);
}

static int target_char(struct app_conn *c, uint8_t ch)
{
	if (ch == ' ' && c->sub != 0) {
		c->phase = PH_VERSION;
		c->sub = 0;
		return 1;
	}
	c->sub = 1;
	return ch > ' ';
}

static void line_char(struct app_conn *c, uint8_t ch)
{
	uint8_t low = lower(ch);

	c->acc = 1;
	c->phase = PH_NAME;
	if (low == 'c')
		c->sub = FIELD_LENGTH; /* or connection: they part at the fourth letter */
	else if (low == 't')
		c->sub = FIELD_TRANSFER;
	else
		c->phase = ch == '\r' ? PH_LINE_CR : PH_SKIP;
}

static void name_char(struct app_conn *c, uint8_t ch)
{
	uint8_t want = field_name[c->sub][c->acc];

	if (want == '\0' && ch == ':') {
		c->phase = PH_VALUE;
		c->acc = 0;
	} else if (c->sub == FIELD_LENGTH && c->acc == 3 && lower(ch) == 'n') {
		c->sub = FIELD_CONNECTION;
		c->acc = 4;
	} else if (want != '\0' && want == lower(ch)) {
		c->acc++;
	} else {
		c->phase = PH_SKIP;
	}
}

/* acc within the value of Content-Length: where, and how many digits of an earlier value this
 * one has repeated. */
#define LEN_BEFORE 0u
#define LEN_WITHIN 1u
#define LEN_BEHIND 2u
#define LEN_PLACE 3u
#define LEN_REPEATED(acc) ((acc) >> 2)

static uint32_t digits_of(uint32_t n)
{
	uint32_t digits = 0;

	for (; n != 0; n /= 10)
		digits++;
	return digits;
}

/* A second Content-Length has to be the first one over again: is ch its next digit? There is no
 * room for its value. */
static int length_repeats(struct app_conn *c, uint8_t ch)
{
	uint32_t behind = digits_of(c->rx_left), n = c->rx_left;

	if (LEN_REPEATED(c->acc) == 0 && ch == '0')
		return 1;
	if (LEN_REPEATED(c->acc) >= behind)
		return 0;
	for (behind -= LEN_REPEATED(c->acc) + 1; behind != 0; behind--)
		n /= 10;
	c->acc += 1 << 2;
	return n % 10 == (uint32_t)ch - '0';
}

static int length_char(struct app_conn *c, uint8_t ch)
{
	uint64_t n = (uint64_t)c->rx_left * 10 + ch - '0';

	if (blank(ch) || ch == '\r') {
		if ((c->acc & LEN_PLACE) == LEN_WITHIN)
			c->acc = (c->acc & ~LEN_PLACE) | LEN_BEHIND;
		return 1;
	}
	if (!digit(ch) || (c->acc & LEN_PLACE) == LEN_BEHIND)
		return 0;
	c->acc = (c->acc & ~LEN_PLACE) | LEN_WITHIN;
	if (c->flags & HF_LEN)
		return length_repeats(c, ch);
	c->rx_left = n;
	return n <= UINT32_MAX;
}

static int length_end(struct app_conn *c)
{
	if ((c->acc & LEN_PLACE) == LEN_BEFORE)
		return 0;
	if (c->flags & HF_LEN)
		return LEN_REPEATED(c->acc) == digits_of(c->rx_left);
	c->flags |= HF_LEN;
	return 1;
}

/* acc within a list of words: which one it may be, and how many characters have matched; 0 between
 * words. */
#define WORD(which, matched) ((which) << 8 | (matched))
#define WORD_OTHER 255
static const char *const word[] = {"chunked", "close", "keep-alive"};

static void word_end(struct app_conn *c)
{
	uint8_t which = c->acc >> 8, matched = c->acc & 255;
	int whole;

	if (c->acc == 0)
		return;
	whole = matched != WORD_OTHER && word[which][matched] == '\0';
	if (c->sub == FIELD_TRANSFER)
		c->flags = (c->flags & ~HF_CHUNKED) | HF_TE | (whole ? HF_CHUNKED : 0);
	else if (whole)
		c->flags |= which == 1 ? HF_CLOSE : HF_KEEP;
	c->acc = 0;
}

static void word_char(struct app_conn *c, uint8_t ch)
{
	uint8_t low = lower(ch), which = c->acc >> 8, matched = c->acc & 255;

	if (blank(ch) || ch == ',' || ch == '\r') {
		word_end(c);
		return;
	}
	if (c->acc == 0)
		which = c->sub == FIELD_TRANSFER ? 0 : low == 'k' ? 2 : 1;
	if (matched != WORD_OTHER)
		matched = low != 0 && low == (uint8_t)word[which][matched] ? matched + 1
									   : WORD_OTHER;
	c->acc = WORD(which, matched);
}

static int value_char(struct app_conn *c, uint8_t ch)
{
	if (c->sub == FIELD_LENGTH)
		return length_char(c, ch);
	word_char(c, ch);
	return 1;
}

static int value_end(struct app_conn *c)
{
	if (c->sub == FIELD_LENGTH)
		return length_end(c);
	word_end(c);
	return 1;
}

static int chunk_size_char(struct app_conn *c, uint8_t ch)
{
	uint8_t low = lower(ch), value;

	if (digit(ch)) {
		value = ch - '0';
	} else if (low >= 'a' && low <= 'f') {
		value = low - 'a' + 10;
	} else {
		c->phase = PH_CHUNK_EXT;
		return c->sub != 0 && (ch == ';' || blank(ch) || ch == '\r');
	}
	c->sub = 1;
	if (c->rx_left >> 28 != 0)
		return 0;
	c->rx_left = c->rx_left << 4 | value;
	return 1;
}

/* LF in the phases where it means something; the rest is not HTTP. */
static enum http_event line_end(struct app_conn *c)
{
	uint8_t next;

	switch ((enum phase)c->phase) {
	case PH_START_CR:
		next = PH_START;
		break;
	case PH_STATUS:
		if (c->sub != 12)
			return HTTP_BAD;
		c->kinds = http_status_kinds(c->acc);
		next = PH_LINE;
		break;
	case PH_VERSION:
		if (c->sub < 8)
			return HTTP_BAD;
		next = PH_LINE;
		break;
	case PH_SKIP:
	case PH_NAME:
		next = PH_LINE;
		break;
	case PH_VALUE:
		next = PH_FOLD;
		break;
	case PH_LINE:
	case PH_LINE_CR:
		return HTTP_HEAD_END;
	case PH_CHUNK:
	case PH_CHUNK_EXT:
		if (c->sub == 0)
			return HTTP_BAD;
		next = c->rx_left == 0 ? PH_TRAILER : PH_CHUNK_DATA;
		break;
	case PH_CHUNK_END:
		c->sub = 0;
		next = PH_CHUNK;
		break;
	case PH_TRAILER:
	case PH_TRAILER_CR:
		return HTTP_MSG_END;
	case PH_TRAILER_SKIP:
		next = PH_TRAILER;
		break;
	default:
		return HTTP_BAD;
	}
	c->phase = next;
	return HTTP_MORE;
}

/* One character that is neither in a body nor LF. False: it may not be there. */
static int head_char(struct app_conn *c, int response, uint8_t ch)
{
	switch ((enum phase)c->phase) {
	case PH_START:
		c->sub = 0;
		if (ch == '\r' && !response) {
			c->phase = PH_START_CR;
			return 1;
		}
		c->phase = response ? PH_STATUS : PH_METHOD;
		return response ? status_char(c, ch) : ch != ' ' && method_char(c, ch);
	case PH_STATUS:
		return status_char(c, ch);
	case PH_METHOD:
		return method_char(c, ch);
	case PH_TARGET:
		return target_char(c, ch);
	case PH_VERSION:
		if (c->sub == 8 ? ch != '\r' : c->sub > 8 || !version_char(c, ch))
			return 0;
		c->sub++;
		return 1;
	case PH_LINE:
		line_char(c, ch);
		return 1;
	case PH_NAME:
		name_char(c, ch);
		return 1;
	case PH_VALUE:
		return value_char(c, ch);
	case PH_CHUNK:
		return chunk_size_char(c, ch);
	case PH_CHUNK_END:
		return ch == '\r' && c->sub++ == 0;
	case PH_TRAILER:
		c->phase = ch == '\r' ? PH_TRAILER_CR : PH_TRAILER_SKIP;
		return 1;
	default:
		return 0; /* CR that no LF follows */
	}
}

static enum http_event step(struct app_conn *c, int response, uint8_t ch)
{
	if (c->phase == PH_FOLD) {
		c->phase = PH_VALUE;
		if (blank(ch))
			return HTTP_MORE;
		if (!value_end(c))
			return HTTP_BAD;
		c->phase = PH_LINE;
	}
	if (ch == '\n' && c->phase == PH_START && !response)
		return HTTP_MORE; /* an empty line before a request: RFC 9112 §2.2 */
	if (ch == '\n')
		return line_end(c);
	return head_char(c, response, ch) ? HTTP_MORE : HTTP_BAD;
}

/* The whole of what lies there of a body, a chunk or a line that does not matter. Returns where
 * to go on, NULL where there is no such thing. */
static const uint8_t *pass_over(
	struct app_conn *c, const uint8_t *p, const uint8_t *end, enum http_event *e)
{
	uint32_t n;

	switch ((enum phase)c->phase) {
	case PH_BODY:
	case PH_CHUNK_DATA:
		n = MIN_OF((uint32_t)(end - p), c->rx_left);
		c->rx_left -= n;
		if (c->rx_left == 0 && c->phase == PH_BODY) {
			*e = HTTP_MSG_END;
		} else if (c->rx_left == 0) {
			c->phase = PH_CHUNK_END;
			c->sub = 0;
		}
		return p + n;
	case PH_CLOSE:
	case PH_ENDED:
		return end;
	case PH_SKIP:
	case PH_CHUNK_EXT:
	case PH_TRAILER_SKIP:
		p = memchr(p, '\n', end - p);
		if (p == NULL)
			return end;
		*e = line_end(c);
		return p + 1;
	default:
		return NULL;
	}
}

/* Byte by byte, but for what does not matter. */
static apart enum http_event parse_slowly(
	struct app_conn *c, int response, const uint8_t *data, uint32_t len, uint32_t *used)
{
	const uint8_t *p = data, *end = data + len;
	enum http_event e = HTTP_MORE;

	while (p < end && e == HTTP_MORE) {
		const uint8_t *behind = pass_over(c, p, end, &e);

		if (behind == NULL)
			e = step(c, response, *p++); /* NOLINT: p < end, not NULL */
		else
			p = behind;
	}
	*used = p - data;
	return e;
}

enum http_event http_parse(
	struct app_conn *c, int response, const uint8_t *data, uint32_t len, uint32_t *used)
{
	if (likely(c->phase == PH_START)) {
		*used = http_head_read(c, response, data, len);
		if (likely(*used != 0))
			return HTTP_HEAD_END;
	}
	if (likely(c->phase == PH_BODY)) {
		*used = MIN_OF(len, c->rx_left);
		c->rx_left -= *used;
		return c->rx_left == 0 ? HTTP_MSG_END : HTTP_MORE;
	}
	return parse_slowly(c, response, data, len, used);
}
