/* The fault stage of a port, for one worker: what it sends goes through one link before the port
 * takes it, what it receives through another. Off, all there is of it are two NULL pointers. */
#include "engine/l1_port/l1_port.h"

/* Counters of a direction are faults_count's in a row. */
static_assert(sizeof(struct stats_faults) == FAULTS_DIRS * FAULTS_COUNTS * sizeof(uint64_t));
static_assert(offsetof(struct stats_faults, rx_offered) == FAULTS_COUNTS * sizeof(uint64_t));
static_assert(offsetof(struct lport, txq.n) / CACHE_LINE
			== offsetof(struct lport, txq.faults) / CACHE_LINE
		&& offsetof(struct lport, txq.n) / CACHE_LINE
			== offsetof(struct lport, txq.n_stamps) / CACHE_LINE,
	"off costs no line");

void port_faults_init(struct lcore *lc, struct lport *lp)
{
	uint64_t *count = (uint64_t *)&lp->st->faults;

	for (uint32_t d = 0; d < FAULTS_DIRS; d++)
		faults_init(&lp->faults[d], &lc->held, count + d * FAULTS_COUNTS,
			(lc->index * (uint64_t)PORTS_MAX + lp->port->id) * FAULTS_DIRS + d);
}

void port_faults_set(struct lcore *lc, struct lport *lp, const struct faults_config *cfg)
{
	if (lp->handoff != NULL && lp->handoff->out != NULL)
		return; /* one link for all: that of the worker that has the queue */
	for (uint32_t d = 0; d < FAULTS_DIRS; d++)
		faults_set(&lp->faults[d], &cfg[d], lc->now_us);
	if (lp->txq.faults == NULL)
		lp->txq.past = 0;
	lp->txq.faults = &lp->faults[fault_dir_TX];
	lp->rx_faults = &lp->faults[fault_dir_RX];
	/* those that have nothing to do say so at their next turn */
}

void tx_faults(struct lcore *lc, struct lport *lp)
{
	struct txq *q = &lp->txq;
	struct faults *f = q->faults;
	uint32_t n;

	for (uint32_t i = q->past; i < q->n; i++) {
		q->bytes -= q->pkt[i]->pkt_len;
		faults_in(f, lc->now_us, q->pkt[i]);
	}
	n = q->past + faults_out(f, lc->now_us, q->pkt + q->past, TXQ_LEN - q->past);
	for (uint32_t i = q->past; i < n; i++)
		q->bytes += q->pkt[i]->pkt_len;
	q->n = q->past = n;
	if (faults_idle(f))
		q->faults = NULL;
}

void rx_faults_in(struct lcore *lc, struct lport *lp, struct rte_mbuf **m, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		faults_in(lp->rx_faults, lc->now_us, m[i]);
}

uint32_t rx_faults_out(struct lcore *lc, struct lport *lp, struct rte_mbuf **m)
{
	uint32_t n = faults_out(lp->rx_faults, lc->now_us, m, RX_BURST);

	if (faults_idle(lp->rx_faults))
		lp->rx_faults = NULL;
	return n;
}
