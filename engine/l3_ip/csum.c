/* The Internet checksum (RFC 1071), for ports that leave it to software. */
#include "engine/l3_ip/l3_ip.h"

#include <rte_byteorder.h>

#include <string.h>

uint32_t csum_add(const void *data, size_t len, uint32_t sum)
{
	const uint8_t *p = data;
	uint64_t acc = sum;

	/* four bytes a step into 64 bits: carries wait above bit 32 */
	for (; len >= 32; len -= 32, p += 32) {
		uint32_t w[8];

		memcpy(w, p, 32);
		for (int i = 0; i < 8; i++)
			acc += w[i];
	}
	for (; len >= 4; len -= 4, p += 4) {
		uint32_t w;

		memcpy(&w, p, 4);
		acc += w;
	}
	if (len >= 2) {
		uint16_t w;

		memcpy(&w, p, 2);
		acc += w;
		len -= 2;
		p += 2;
	}
	if (len != 0)
		acc += *p; /* padded with 0; little-endian puts it in the low byte */
	acc = (acc & 0xffffffff) + (acc >> 32);
	acc = (acc & 0xffff) + (acc >> 16);
	acc = (acc & 0xffff) + (acc >> 16);
	return (uint32_t)acc;
}

uint16_t csum_l4(uint32_t src_host, uint32_t dst_host, uint8_t proto, const void *hdr, uint16_t len)
{
	uint32_t pseudo[3] = {rte_cpu_to_be_32(src_host), rte_cpu_to_be_32(dst_host),
		rte_cpu_to_be_32((uint32_t)proto << 16 | len)};
	uint16_t sum = ~csum_fold(csum_add(hdr, len, csum_add(pseudo, sizeof(pseudo), 0)));

	return sum == 0 && proto == IPPROTO_UDP4 ? 0xffff : sum;
}
