/* The fault stage on a worker's ports: told by a message, it takes what is sent and received, and
 * when it is told to end nothing of it is left. */
#include "test/unit/stack.h"

#define N 20

static void tell(const struct faults_config *tx, const struct faults_config *rx)
{
	struct lmsg m = {.id = LMSG_FAULTS, .port = 0};

	m.faults[fault_dir_TX] = *tx;
	m.faults[fault_dir_RX] = *rx;
	assert_int_equal(mailbox_post(stack.lc, &m), 0);
}

static const struct lport *port_0(void)
{
	return lcore_lport(stack.lc, 0);
}

static bool off(void)
{
	return port_0()->txq.faults == NULL && port_0()->rx_faults == NULL;
}

static void begin(void)
{
	stack_begin(1024, 64, 4096);
	stack_tc(1, 0, l4proto_TCP, 1)->app.raw = (struct raw_config){
		.req_bytes = 100, .resp_bytes = 3000};
	stack_tc(0, 0, l4proto_TCP, N)->app.raw = (struct raw_config){
		.req_bytes = 100, .resp_bytes = 3000};
	stack_start(1, 0);
}

static void end(void)
{
	const struct faults_config none = faults_config_none();
	const struct stats_faults *f = &stack_port(0)->faults;

	tell(&none, &none);
	stack_run_ms(1);
	assert_true(off());
	assert_int_equal(f->tx_held, 0);
	assert_int_equal(f->rx_held, 0);
	assert_int_equal(f->tx_offered + f->tx_duplicated, f->tx_lost + f->tx_passed);
	assert_int_equal(f->rx_offered + f->rx_duplicated, f->rx_lost + f->rx_passed);
	assert_int_equal(stack.lc->held.n_free, stack.lc->held.n);
	stack_end();
}

static void without_faults_nothing_is_counted(void **state)
{
	(void)state;
	begin();
	stack_start(0, 0);
	stack_run_ms(10);
	assert_true(off());
	assert_int_equal(stack_port(0)->faults.tx_offered, 0);
	end();
}

/* What is lost never reaches the wire; what is doubled came over it once. */
static void each_direction_has_its_own_faults(void **state)
{
	struct faults_config tx = faults_config_none(), rx = tx;
	const struct stats_faults *f;
	uint64_t sent, rcvd;

	(void)state;
	begin();
	f = &stack_port(0)->faults;
	tx.loss_ppm = 30000;
	rx.duplicate_ppm = 50000;
	tell(&tx, &rx);
	stack_run_ms(1);
	sent = stack_port(0)->port.tx_pkts;
	rcvd = stack_port(0)->port.rx_pkts;
	stack_start(0, 0);
	stack_run_ms(500);
	assert_true(f->tx_lost > 0 && f->tx_duplicated == 0);
	assert_true(f->rx_duplicated > 0 && f->rx_lost == 0);
	assert_int_equal(f->rx_passed, f->rx_offered + f->rx_duplicated);
	assert_int_equal(stack_port(0)->port.tx_pkts, f->tx_passed + sent);
	assert_int_equal(stack_port(0)->port.rx_pkts, f->rx_offered + rcvd);
	assert_true(stack_stats(0, 0)->responses > 10 * N);
	assert_true(stack_port(1)->tsm.retrans_pkts + stack_port(0)->tsm.retrans_pkts > 0);
	end();
}

static void a_delay_both_ways_is_a_round_trip(void **state)
{
	struct faults_config c = faults_config_none();

	(void)state;
	begin();
	c.delay_us = 10000;
	tell(&c, &c);
	stack_run_ms(1);
	stack_start(0, 0);
	stack_run_ms(19);
	assert_int_equal(stack_stats(0, 0)->estab, 0);
	stack_run_ms(3);
	assert_int_equal(stack_stats(0, 0)->estab, N);
	end();
}

/* Ended with packets on their way: they arrive, and none is sent again. */
static void what_is_held_arrives_at_the_end(void **state)
{
	struct faults_config c = faults_config_none();

	(void)state;
	begin();
	c.delay_us = 1000000;
	tell(&c, &c);
	stack_run_ms(1);
	stack_start(0, 0);
	stack_run_ms(5);
	assert_int_equal(stack_port(0)->faults.tx_held, N);
	assert_int_equal(stack_stats(0, 0)->estab, 0);
	c = faults_config_none();
	tell(&c, &c);
	stack_run_ms(5);
	assert_true(off());
	assert_int_equal(stack_stats(0, 0)->estab, N);
	assert_int_equal(stack_port(0)->tsm.retrans_pkts, 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_faults_nothing_is_counted),
		cmocka_unit_test(each_direction_has_its_own_faults),
		cmocka_unit_test(a_delay_both_ways_is_a_round_trip),
		cmocka_unit_test(what_is_held_arrives_at_the_end),
	};

	return cmocka_run_group_tests(tests, stack_eal, NULL);
}
