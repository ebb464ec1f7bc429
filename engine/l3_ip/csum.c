/* The Internet checksum (RFC 1071), for ports that leave it to software. */
#include "engine/l3_ip/l3_ip_hot.h"

uint32_t csum_add(const void *data, size_t len, uint32_t sum)
{
	return csum_fold_64(csum_words(data, len, sum));
}

uint16_t csum_l4(uint32_t src_host, uint32_t dst_host, uint8_t proto, const void *hdr, uint16_t len)
{
	uint64_t addrs = be_32(src_host) | (uint64_t)be_32(dst_host) << 32;
	uint16_t sum = ~csum_fold_64(csum_words(hdr, len, csum_pseudo(addrs, proto, len)));

	return sum == 0 && proto == IPPROTO_UDP4 ? 0xffff : sum;
}
