/* What the machine gives before any protocol: allocate, write 54 bytes of headers, through a ring
 * pair, read, free; bursts of 32 on one core. Prints "ceiling_packets_per_s N", of
 * the time for which it had its CPU. */
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BURST 32
#define SECONDS 2
#define HEADERS 54

/* headers: no constant of the compiler's, which sets what is mostly zeroes by "rep stos" where it tunes
 * for some processors, and that takes longer than all the rest. */
static uint64_t burst(
	uint16_t tx, uint16_t rx, struct rte_mempool *pool, const uint8_t *headers, uint64_t *sum)
{
	struct rte_mbuf *m[BURST];
	uint16_t n;

	if (rte_pktmbuf_alloc_bulk(pool, m, BURST) != 0)
		return 0;
	for (int i = 0; i < BURST; i++) {
		memcpy(rte_pktmbuf_mtod(m[i], void *), headers, HEADERS);
		m[i]->data_len = m[i]->pkt_len = HEADERS;
	}
	rte_eth_tx_burst(tx, 0, m, BURST);
	n = rte_eth_rx_burst(rx, 0, m, BURST);
	for (uint16_t i = 0; i < n; i++)
		*sum += *rte_pktmbuf_mtod_offset(m[i], uint32_t *, 26);
	rte_pktmbuf_free_bulk(m, n);
	return n;
}

static int port_up(int dev, struct rte_mempool *pool)
{
	struct rte_eth_conf conf = {0};

	return rte_eth_dev_configure(dev, 1, 1, &conf)
		|| rte_eth_rx_queue_setup(dev, 0, 1024, 0, NULL, pool)
		|| rte_eth_tx_queue_setup(dev, 0, 1024, 0, NULL) || rte_eth_dev_start(dev);
}

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(void)
{
	static const char *const args[] = {"ceiling", "-l", "1", "--no-pci", "--in-memory", "-m",
		"128", "--no-telemetry", "--log-level=*:error", "--file-prefix=w17-ceiling"};
	char *argv[10];
	struct rte_ring *ab, *ba;
	struct rte_mempool *pool;
	uint64_t packets = 0, sum = 0, end;
	uint8_t *headers = malloc(HEADERS);
	double begun;
	int a, b;

	for (int i = 0; i < 10; i++)
		argv[i] = strdup(args[i]);
	if (headers == NULL || rte_eal_init(10, argv) < 0)
		return EXIT_FAILURE;
	rmdir(rte_eal_get_runtime_dir()); /* made all the same, empty */
	pool = rte_pktmbuf_pool_create_by_ops("pool", 8192, 256, 0, 2176, SOCKET_ID_ANY, "stack");
	ab = rte_ring_create("ab", 1024, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	ba = rte_ring_create("ba", 1024, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (!pool || !ab || !ba)
		return EXIT_FAILURE;
	a = rte_eth_from_rings("a", &ba, 1, &ab, 1, 0);
	b = rte_eth_from_rings("b", &ab, 1, &ba, 1, 0);
	if (a < 0 || b < 0 || port_up(a, pool) || port_up(b, pool))
		return EXIT_FAILURE;
	memset(headers, 1, HEADERS);
	begun = cpu_seconds();
	end = rte_rdtsc() + SECONDS * rte_get_tsc_hz();
	while (rte_rdtsc() < end)
		packets += burst(a, b, pool, headers, &sum);
	printf("ceiling_packets_per_s %.0f\n", (double)packets / (cpu_seconds() - begun));
	return sum == 1 ? EXIT_FAILURE : EXIT_SUCCESS;
}
