/* A trace in pcapng (draft-ietf-opsawg-pcapng): one interface a port, nanoseconds, direction and
 * what the link did to a packet in its options. */
#include "test/sim/sim.h"

#include <rte_mbuf.h>

#include <stdio.h>
#include <string.h>

#define BLOCK_SECTION UINT32_C(0x0a0d0d0a)
#define BLOCK_INTERFACE UINT32_C(1)
#define BLOCK_PACKET UINT32_C(6)
#define BYTE_ORDER_MAGIC UINT32_C(0x1a2b3c4d)
#define LINKTYPE_ETHERNET 1
#define OPT_END 0
#define OPT_COMMENT 1
#define IF_NAME 2
#define IF_TSRESOL 9
#define EPB_FLAGS 2

static FILE *out;
static uint8_t block[4096];
static uint32_t at;

static void put(const void *data, uint32_t len)
{
	BUG_ON(at + len + 3 > sizeof(block));
	memcpy(block + at, data, len);
	at += len;
	while (at % 4 != 0)
		block[at++] = 0;
}

static void put32(uint32_t v)
{
	put(&v, sizeof(v));
}

static void option(uint16_t code, const void *data, uint16_t len)
{
	put32(code | (uint32_t)len << 16);
	put(data, len);
}

static void block_begin(uint32_t type)
{
	at = 0;
	put32(type);
	put32(0);
}

static void block_end(void)
{
	uint32_t len = at + 4;

	put32(len);
	memcpy(block + 4, &len, sizeof(len));
	fwrite(block, 1, at, out);
	fflush(out); /* the engine may trap at any time */
}

int trace_open(const char *path)
{
	out = fopen(path, "wb");
	if (out == NULL)
		return -1;
	block_begin(BLOCK_SECTION);
	put32(BYTE_ORDER_MAGIC);
	put32(1); /* version 1.0 */
	put32(UINT32_MAX);
	put32(UINT32_MAX); /* length not told */
	block_end();
	for (uint32_t i = 0; i < 2; i++) {
		block_begin(BLOCK_INTERFACE);
		put32(LINKTYPE_ETHERNET);
		put32(0); /* whole packets */
		option(IF_NAME, i == 0 ? "a" : "b", 1);
		option(IF_TSRESOL, &(uint8_t){9}, 1);
		option(OPT_END, NULL, 0);
		block_end();
	}
	return 0;
}

bool trace_wanted(void)
{
	return out != NULL;
}

void trace_packet(uint16_t port, bool outbound, const struct rte_mbuf *m, const char *comment)
{
	uint32_t flags = outbound ? 2 : 1;

	if (out == NULL)
		return;
	block_begin(BLOCK_PACKET);
	put32(port);
	put32((uint32_t)(sim.now >> 32));
	put32((uint32_t)sim.now);
	put32(m->data_len);
	put32(m->pkt_len);
	put(rte_pktmbuf_mtod(m, void *), m->data_len);
	option(EPB_FLAGS, &flags, sizeof(flags));
	if (comment != NULL)
		option(OPT_COMMENT, comment, (uint16_t)strlen(comment));
	option(OPT_END, NULL, 0);
	block_end();
}

void trace_close(void)
{
	if (out != NULL)
		fclose(out);
	out = NULL;
}
