/* HTTP heads as nearly every segment has one: complete, and in the usual spelling. Sixteen bytes
 * at a time, no state.
 *
 * Whatever is odd (folded or bare LF lines, lists of words, a field that comes twice) is left
 * untouched to the automaton of http_parse.c, so that there is one opinion about it; on what is
 * read here the two agree (app_http_test.c). */
#include "common/util/bytes.h"
#include "engine/l7_app/l7_priv.h"

#include <emmintrin.h>
#include <stdbool.h>
#include <string.h>

#define FAST_MIN 16 /* bytes that find() loads at once */

struct head {
	uint32_t length;
	uint8_t flags, kinds;
};

/* Letters made small; '-' and ':' stay, but what becomes one of them has to be looked at again. */
#define SMALL32(v) ((v) | 0x20202020u)
#define SMALL64(v) ((v) | 0x2020202020202020u)

/* The first byte that is ch or, with up_to, not above it; NULL.
 * FAST_MIN bytes before end may be read. */
static force_inline const uint8_t *find(const uint8_t *p, const uint8_t *end, char ch, int up_to)
{
	const __m128i want = _mm_set1_epi8(ch);

	for (;; p += 16) {
		const uint8_t *at = end - p >= 16 ? p : end - 16;
		__m128i v = _mm_loadu_si128((const __m128i *)at);
		__m128i hit = _mm_cmpeq_epi8(v, up_to ? _mm_min_epu8(v, want) : want);
		uint32_t mask = (uint32_t)_mm_movemask_epi8(hit) >> (p - at);

		if (mask != 0)
			return p + __builtin_ctz(mask);
		if (end - p <= 16)
			return NULL;
	}
}

static inline int version_read(const uint8_t *p, struct head *h)
{
	uint64_t v = load_64(p);

	if (likely(v == load_64("HTTP/1.1")))
		return 1;
	h->flags |= HF_HTTP10;
	return v == load_64("HTTP/1.0");
}

/* These return where to go on, or NULL: the automaton shall look at it. */

static inline const uint8_t *status_line(const uint8_t *p, const uint8_t *end, struct head *h)
{
	uint8_t d1 = p[9] - '0', d2 = p[10] - '0', d3 = p[11] - '0';

	if (!version_read(p, h) || p[8] != ' ' || (uint8_t)(d1 - 1) > 4 || d2 > 9 || d3 > 9
		|| (p[12] != ' ' && p[12] != '\r'))
		return NULL;
	h->kinds = http_status_kinds(d1 * 100 + d2 * 10 + d3);
	p = find(p + 12, end, '\n', 0);
	return p == NULL ? NULL : p + 1;
}

static inline const uint8_t *request_line(const uint8_t *p, const uint8_t *end, struct head *h)
{
	const uint8_t *target = p + 5;

	if (likely(load_32(p) == load_32("GET "))) {
		target = p + 4;
	} else if (load_32(p) == load_32("HEAD") && p[4] == ' ') {
		h->flags |= HF_HEAD;
	} else if (load_32(p) != load_32("POST") || p[4] != ' ') {
		return NULL;
	}
	p = find(target, end, ' ', 1);
	if (p == NULL || p == target || end - p < 11 || *p != ' ' || !version_read(p + 1, h)
		|| p[9] != '\r' || p[10] != '\n')
		return NULL;
	return p + 11;
}

static inline int crlf(const uint8_t *p, const uint8_t *end)
{
	return end - p >= 2 && p[0] == '\r' && p[1] == '\n';
}

static inline const uint8_t *length_value(const uint8_t *p, const uint8_t *end, struct head *h)
{
	const uint8_t *first;
	uint32_t n = 0;

	while (p < end && *p == ' ')
		p++;
	for (first = p; p < end && (uint8_t)(*p - '0') <= 9; p++)
		n = n * 10 + *p - '0';
	if (p == first || p - first > 9 || !crlf(p, end) || (h->flags & HF_LEN))
		return NULL;
	h->flags |= HF_LEN;
	h->length = n;
	return p;
}

static inline const uint8_t *connection_value(const uint8_t *p, const uint8_t *end, struct head *h)
{
	uint64_t v;

	p += *p == ' ';
	if (end - p < 9) /* of "close" and the two line ends behind it */
		return NULL;
	v = SMALL64(load_64(p));
	if ((v << 24) == (load_64("close\0\0") << 24) && crlf(p + 5, end)) {
		h->flags |= HF_CLOSE;
		return p + 5;
	}
	if (v == load_64("keep-ali") && p[4] == '-' && crlf(p + 10, end) && (p[8] | 0x20) == 'v'
		&& (p[9] | 0x20) == 'e') {
		h->flags |= HF_KEEP;
		return p + 10;
	}
	return NULL;
}

static inline const uint8_t *transfer_value(const uint8_t *p, const uint8_t *end, struct head *h)
{
	p += *p == ' ';
	if (end - p < 8 || (SMALL64(load_64(p)) << 8) != (load_64("chunked") << 8)
		|| !crlf(p + 7, end) || (h->flags & HF_TE))
		return NULL;
	h->flags |= HF_TE | HF_CHUNKED;
	return p + 7;
}

/* A field whose name begins with C or T; returns a place in its line. */
static inline const uint8_t *field_read(const uint8_t *p, const uint8_t *end, struct head *h)
{
	uint64_t v;

	if (unlikely(end - p < 20))
		return NULL;
	v = SMALL64(load_64(p));
	if (v == load_64("content-")) {
		if (SMALL64(load_64(p + 7)) != load_64("-length:") || p[7] != '-' || p[14] != ':')
			return p;
		return length_value(p + 15, end, h);
	}
	if (v == load_64("connecti")) {
		if (SMALL32(load_32(p + 7)) != load_32("ion:") || p[10] != ':')
			return p;
		return connection_value(p + 11, end, h);
	}
	if (v == load_64("transfer")) {
		if (SMALL64(load_64(p + 8)) != load_64("-encodin") || p[8] != '-'
			|| (p[16] | 0x20) != 'g' || p[17] != ':')
			return p;
		return transfer_value(p + 18, end, h);
	}
	return p;
}

/* The thread's last request and response: of a head that is the same byte by byte the same comes
 * out. A peer says the same over and over, but for its Date once a second. */
#define KEPT_MAX 512
static _Thread_local struct kept {
	uint32_t len; /* 0: none */
	struct head h;
	uint8_t bytes[KEPT_MAX];
} kepts[2];

/* n of at least FAST_MIN. */
static force_inline bool same(const uint8_t *a, const uint8_t *b, uint32_t n)
{
	__m128i differs = _mm_setzero_si128();

	for (uint32_t i = 0;; i += 16) {
		uint32_t at = MIN_OF(i, n - 16);

		differs = _mm_or_si128(differs,
			_mm_xor_si128(_mm_loadu_si128((const __m128i *)(a + at)),
				_mm_loadu_si128((const __m128i *)(b + at))));
		if (i + 16 >= n)
			break;
	}
	return _mm_movemask_epi8(_mm_cmpeq_epi8(differs, _mm_setzero_si128())) == 0xffff;
}

static uint32_t take(struct app_conn *c, int response, const struct head *h, uint32_t len)
{
	c->flags |= h->flags;
	c->rx_left = h->length;
	if (response)
		c->kinds = h->kinds;
	return len;
}

static apart uint32_t read_anew(struct app_conn *c, int response, const uint8_t *data, uint32_t len)
{
	struct head h = {.length = 0};
	struct kept *k = &kepts[response];
	const uint8_t *p, *end = data + len;

	if (unlikely(len < FAST_MIN))
		return 0;
	p = response ? status_line(data, end, &h) : request_line(data, end, &h);
	while (p != NULL && end - p >= 2 && *p > ' ') {
		uint8_t low = *p | 0x20;

		if (low == 'c' || low == 't') {
			p = field_read(p, end, &h);
			if (p == NULL)
				return 0;
		}
		p = find(p, end, '\n', 0);
		if (p != NULL)
			p++;
	}
	if (p == NULL || !crlf(p, end))
		return 0;
	len = (uint32_t)(p + 2 - data);
	if (len >= FAST_MIN && len <= KEPT_MAX) {
		k->len = len;
		k->h = h;
		memcpy(k->bytes, data, len);
	}
	return take(c, response, &h, len);
}

uint32_t http_head_read(struct app_conn *c, int response, const uint8_t *data, uint32_t len)
{
	const struct kept *k = &kepts[response];

	if (likely(k->len != 0 && k->len <= len && same(data, k->bytes, k->len)))
		return take(c, response, &k->h, k->len);
	return read_anew(c, response, data, len);
}
