/* What a link may do to packets, as the user configured it: what commands fill, management keeps,
 * workers obey and clients show. One for each direction of a port. */
#pragma once

#include "common/cmd/cmd.h"

#include <stdbool.h>
#include <stdint.h>

#define FAULTS_DIRS fault_dir_BOTH   /* fault_dir_TX, fault_dir_RX */
#define FAULTS_PPM UINT32_C(1000000) /* of shares: always */

struct faults_config {
	uint32_t seed;
	uint32_t loss_ppm;
	uint32_t burst; /* packets lost in a row, on average; 1: each by itself */
	uint32_t duplicate_ppm;
	uint32_t reorder_ppm, reorder_us; /* held back by so much, while others overtake */
	uint32_t corrupt_ppm;             /* one bit of the IPv4 packet flips */
	uint32_t delay_us, jitter_us;     /* delay +- jitter, in order */
	uint32_t rate_kbps;  /* bits of frames, from the Ethernet header on; 0: no limit */
	uint32_t queue_pkts; /* that wait for the rate; 0: no limit */
};

/* No faults; what the settings beside them are until they are named. */
static inline struct faults_config faults_config_none(void)
{
	return (struct faults_config){
		.seed = 1, .burst = 1, .reorder_us = 1000, .queue_pkts = 1000};
}

/* Does it do anything to packets? */
static inline bool faults_config_on(const struct faults_config *c)
{
	return (c->loss_ppm | c->duplicate_ppm | c->reorder_ppm | c->corrupt_ppm | c->delay_us
		       | c->jitter_us | c->rate_kbps)
		!= 0;
}

/* The shortest bursts, on average, in which so many packets can be lost: else there would have to be
 * less than one between two. */
static inline uint32_t faults_burst_least(uint32_t loss_ppm)
{
	uint32_t kept = FAULTS_PPM - loss_ppm;

	return loss_ppm == 0 || kept == 0 ? 1 : (loss_ppm + kept - 1) / kept;
}
