/* Which application of an IMIX group a session has. */
#include "engine/l7_app/l7_app.h"

static uint32_t gcd(uint32_t a, uint32_t b)
{
	return b == 0 ? a : gcd(b, a % b);
}

/* Each slot's credit grows by its weight, the one that has most takes the turn and pays the total:
 * smooth weighted round robin. */
static void turns_take(struct app_mix *m)
{
	int32_t credit[IMIX_GROUP_APPS] = {0};

	for (uint32_t t = 0; t < m->total; t++) {
		uint32_t best = 0;

		for (uint32_t i = 0; i < m->n; i++) {
			credit[i] += m->weight[i];
			if (credit[i] > credit[best])
				best = i;
		}
		credit[best] -= (int32_t)m->total;
		m->turn[t] = (uint8_t)best;
	}
}

void imix_build(struct app_mix *m, const uint8_t *weight, uint32_t n)
{
	*m = (struct app_mix){.n = n};
	for (uint32_t i = 0; i < n; i++) {
		m->weight[i] = weight[i];
		m->total += weight[i];
	}
	BUG_ON(n == 0 || n > IMIX_GROUP_APPS || m->total > IMIX_WEIGHT_MAX);
	/* the golden section of the turns: few ports of many addresses spread over all of them */
	m->step = MAX_OF((m->total * 618 + 500) / 1000, 1u);
	while (gcd(m->step, m->total) != 1)
		m->step++;
	turns_take(m);
}
