/* show link rate. */
#include "cli/show.h"
#include "cli/show_priv.h"
#include "common/util/clock.h"

#include <string.h>

/* On the wire a frame takes FCS, preamble and gap beside its bytes. */
#define FRAME_EXTRA (4 + 8 + 12)

void show_link_sample(const struct seg *s, struct link_sample *to)
{
	to->ns = mono_ns();
	for (uint32_t p = 0; p < s->hdr.n_ports; p++) {
		struct stats_port_block b;

		seg_sum_port(s, 0, s->hdr.n_lcores, p, p + 1, &b);
		to->port[p] = b.port;
	}
}

static void direction(json_t *o, const char *dir, uint64_t pkts, uint64_t bytes, double seconds,
	uint32_t speed_mbps)
{
	double wire = (double)(bytes + pkts * FRAME_EXTRA) * 8 / 1e6 / seconds;
	char key[32];

	snprintf(key, sizeof(key), "%s_percent", dir);
	json_object_set_new(
		o, key, speed_mbps != 0 ? json_real(100 * wire / speed_mbps) : json_null());
	snprintf(key, sizeof(key), "%s_mbps", dir);
	json_object_set_new(o, key, json_real((double)bytes * 8 / 1e6 / seconds));
	snprintf(key, sizeof(key), "%s_pkts_per_second", dir);
	json_object_set_new(o, key, json_integer((json_int_t)((double)pkts / seconds + 0.5)));
}

json_t *show_link_rate(
	const struct seg *s, const struct link_sample *before, const struct link_sample *now)
{
	double seconds = (double)(now->ns - before->ns) / 1e9;
	json_t *view = show_port_link(s), *o;
	size_t i;

	json_array_foreach(json_object_get(view, "ports"), i, o)
	{
		const struct stats_port *a = &before->port[i], *b = &now->port[i];
		uint32_t speed = (uint32_t)json_integer_value(json_object_get(o, "speed_mbps"));

		direction(o, "tx", b->tx_pkts - a->tx_pkts, b->tx_bytes - a->tx_bytes, seconds,
			speed);
		direction(o, "rx", b->rx_pkts - a->rx_pkts, b->rx_bytes - a->rx_bytes, seconds,
			speed);
	}
	json_object_set_new(view, "seconds", json_real(seconds));
	return view;
}
