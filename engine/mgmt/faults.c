/* The faults of ports: kept here, told to workers whenever they change, tests running or not. */
#include "engine/mgmt/mgmt_priv.h"

#include <errno.h>

struct faults_config port_faults[PORTS_MAX][FAULTS_DIRS];

void faults_begin(void)
{
	for (uint32_t p = 0; p < n_ports; p++) {
		for (uint32_t d = 0; d < FAULTS_DIRS; d++)
			port_faults[p][d] = faults_config_none();
		publish_port(p);
	}
}

static int port_there(uint32_t port, struct reply *r)
{
	if (port < n_ports)
		return 0;
	return reply_fail(r, -ENODEV, "port %u does not exist: the engine has ports 0..%u", port,
		n_ports - 1);
}

static int store(uint32_t port, const struct faults_config *c, struct reply *r)
{
	struct lmsg m = {.id = LMSG_FAULTS};

	for (uint32_t d = 0; d < FAULTS_DIRS; d++)
		m.faults[d] = c[d];
	if (fanout(port, m) != 0)
		return reply_fail(r, -EAGAIN, "the workers of port %u are busy, try again", port);
	for (uint32_t d = 0; d < FAULTS_DIRS; d++)
		port_faults[port][d] = c[d];
	publish_port(port);
	return 0;
}

static void merge(struct faults_config *c, const struct req_set_tests_faults *q)
{
#define TAKE(field, to)                          \
	if (REQ_HAS(q, set_tests_faults, field)) \
	c->to = q->field
	TAKE(loss, loss_ppm);
	TAKE(burst, burst);
	TAKE(duplicate, duplicate_ppm);
	TAKE(reorder, reorder_ppm);
	TAKE(reorder_by, reorder_us);
	TAKE(corrupt, corrupt_ppm);
	TAKE(delay, delay_us);
	TAKE(jitter, jitter_us);
	TAKE(rate, rate_kbps);
	TAKE(queue, queue_pkts);
	TAKE(seed, seed);
#undef TAKE
}

/* Does it make sense, and will what it does be noticed? */
static int faults_check(uint32_t port, const struct faults_config *c, struct reply *r)
{
	if (c->burst > 1 && c->burst < faults_burst_least(c->loss_ppm))
		return reply_fail(r, -EINVAL,
			"burst: %u given, that much loss comes in bursts of %u at least (or of 1: "
			"each by itself)",
			c->burst, faults_burst_least(c->loss_ppm));
	if (c->corrupt_ppm != 0 && !ports[port].sw_csum)
		return reply_fail(r, -EINVAL,
			"corrupt: port %u has no checksums in software that would find it: start "
			"the engine with --sw-checksum",
			port);
	return 0;
}

int cmd_set_tests_faults(const struct req_set_tests_faults *q, struct reply *r)
{
	struct faults_config c[FAULTS_DIRS];
	int rc = port_there(q->port, r);
	uint32_t dir = REQ_HAS(q, set_tests_faults, direction) ? q->direction : fault_dir_BOTH;

	for (uint32_t d = 0; d < FAULTS_DIRS && rc == 0; d++) {
		c[d] = port_faults[q->port][d];
		if (dir == d || dir == fault_dir_BOTH)
			merge(&c[d], q);
		rc = faults_check(q->port, &c[d], r);
	}
	return rc != 0 ? rc : store(q->port, c, r);
}

int cmd_del_tests_faults(const struct req_del_tests_faults *q, struct reply *r)
{
	const struct faults_config none[FAULTS_DIRS] = {faults_config_none(), faults_config_none()};
	int rc = port_there(q->port, r);

	return rc != 0 ? rc : store(q->port, none, r);
}
