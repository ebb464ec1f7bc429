/* What can be shown of ports and operators: views of the segment as JSON trees. */
#include "cli/show.h"

#include "cli/show_priv.h"
#include "common/util/utf8.h"
#include "common/util/version.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

json_t *show_text(const char *s, size_t max)
{
	static const char bad[] = "\xef\xbf\xbd"; /* U+FFFD */
	size_t n = strnlen(s, max), out = 0;
	char *copy = malloc(n * (sizeof(bad) - 1) + 1);
	json_t *o;

	for (size_t i = 0; copy != NULL && i < n;) {
		size_t len = utf8_len(s + i, n - i), take = len ? len : 3;

		memcpy(copy + out, len ? s + i : bad, take);
		out += take;
		i += len ? len : 1;
	}
	o = json_stringn(copy ? copy : "", out);
	free(copy);
	return o;
}

json_t *show_ip(const struct ip_addr *a)
{
	char s[IP_STRLEN];

	return a->family == 0 ? json_null() : json_string(ip_str(a, s));
}

/* A number that may be missing. */
static json_t *known(uint32_t v)
{
	return v == UINT32_MAX ? json_null() : json_integer(v);
}

static json_t *mac(const uint8_t *m)
{
	return json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
}

json_t *show_nothing(int rc, json_t *begun)
{
	json_decref(begun);
	errno = -rc;
	return NULL;
}

/* Who alone may change the port, null: all may. */
static json_t *held_by(const struct seg *s, uint32_t port)
{
	static struct seg_port p;

	if (seg_read(seg_port(s, port), &p, sizeof(p)) != 0 || !p.holder.held)
		return json_null();
	return TEXT(p.holder.name);
}

json_t *show_port_info(const struct seg *s)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < s->hdr.n_ports; i++) {
		const struct seg_port *p = seg_port(s, i);

		json_array_append_new(a,
			json_pack("{sI so so ss so sI so sI ss so}", "port", INT(i), "name",
				TEXT(p->name), "driver", TEXT(p->driver), "kind",
				port_kind_word(p->kind), "mac", mac(p->mac), "mtu", INT(p->mtu),
				"socket", known(p->socket), "queues", INT(p->n_queues), "checksums",
				p->needs_csum                ? "software"
					: p->offload_tx_csum ? "device"
							     : "not needed",
				"held_by", held_by(s, i)));
	}
	return json_pack("{so}", "ports", a);
}

json_t *show_port_map(const struct seg *s)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < s->hdr.n_ports; i++) {
		const struct seg_port *p = seg_port(s, i);

		for (uint32_t q = 0; q < MIN_OF(p->n_queues, WORKERS_MAX); q++) {
			const struct seg_worker *w = seg_worker(
				s, MIN_OF(p->queue_lcore[q], s->hdr.n_workers - 1));

			json_array_append_new(a,
				json_pack("{sI sI sI sI so so}", "port", INT(i), "queue", INT(q),
					"lcore", INT(w->lcore_id), "cpu", INT(w->cpu),
					"port_socket", known(p->socket), "lcore_socket",
					known(w->socket)));
		}
	}
	return json_pack("{so}", "queues", a);
}

json_t *show_duplex(const struct seg_port *p)
{
	if (!p->link_up || p->speed_mbps == 0 || p->speed_mbps == UINT32_MAX)
		return json_null();
	return json_string(p->full_duplex ? "full" : "half");
}

json_t *show_port_link(const struct seg *s)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < s->hdr.n_ports; i++) {
		const struct seg_port *p = seg_port(s, i);

		json_array_append_new(a,
			json_pack("{sI ss so so}", "port", INT(i), "link",
				p->link_up ? "UP" : "DOWN", "speed_mbps", known(p->speed_mbps),
				"duplex", show_duplex(p)));
	}
	return json_pack("{so}", "ports", a);
}

json_t *show_arp(const struct seg *s)
{
	static struct seg_port p;
	json_t *a = json_array();

	for (uint32_t i = 0; i < s->hdr.n_ports; i++) {
		int rc = seg_read(seg_port(s, i), &p, sizeof(p));

		if (rc != 0)
			return show_nothing(rc, a);
		for (uint32_t k = 0; k < MIN_OF(p.n_arps, ARP_MAX); k++)
			json_array_append_new(a,
				json_pack("{sI so so sI ss}", "port", INT(i), "ip",
					show_ip(&p.arps[k].ip), "mac", mac(p.arps[k].mac),
					"vlan_id", INT(p.arps[k].vlan_id), "state",
					p.arps[k].flags & SEG_ARP_LOCAL             ? "local"
						: p.arps[k].flags & SEG_ARP_PENDING ? "pending"
										    : "known"));
	}
	return json_pack("{so}", "entries", a);
}

json_t *show_held(const struct seg *s, uint32_t slot)
{
	static struct seg_port p;
	json_t *a = json_array();

	for (uint32_t i = 0; i < s->hdr.n_ports; i++) {
		if (seg_read(seg_port(s, i), &p, sizeof(p)) == 0 && p.holder.held
			&& p.holder.slot == slot)
			json_array_append_new(a, json_integer(i));
	}
	return a;
}

static json_t *operator_view(const struct seg *s, uint32_t i, const struct seg_operator *o)
{
	time_t t = (time_t)(o->attach_realtime_ns / 1000000000);
	char since[32];
	struct tm tm;

	localtime_r(&t, &tm);
	strftime(since, sizeof(since), "%F %T", &tm);
	return json_pack("{sI so ss ss sI sI ss sb so sI so}", "slot", INT(i), "name",
		TEXT(o->name), "kind", client_kind_word(o->kind), "state",
		operator_state_word(o->state), "pid", INT(o->pid), "uid", INT(o->uid), "since",
		since, "read_only", o->read_only != 0, "ports", show_held(s, i), "commands",
		INT(o->n_commands), "last_command", TEXT(o->last_command));
}

json_t *show_operators(const struct seg *s)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < OPERATORS_MAX; i++) {
		struct seg_operator o;
		int rc = seg_read(&s->operators[i], &o, sizeof(o));

		if (rc != 0)
			return show_nothing(rc, a);
		if (o.state != operator_state_FREE)
			json_array_append_new(a, operator_view(s, i, &o));
	}
	return json_pack("{so}", "operators", a);
}

json_t *show_version(const struct seg *s)
{
	return json_pack("{so ss so sI sI sI}", "engine", TEXT(s->hdr.version), "cli",
		warp17_version(), "prefix", TEXT(s->hdr.prefix), "pid", INT(s->hdr.engine_pid),
		"ports", INT(s->hdr.n_ports), "workers", INT(s->hdr.n_workers));
}

json_t *show_help(void)
{
	json_t *a = json_array();

	for (enum cmd_id id = 0; id < CMD_COUNT; id++) {
		char usage[500];

		cmd_usage(id, usage, sizeof(usage));
		json_array_append_new(a,
			json_pack("{ss ss ss sb}", "command", usage, "help", cmd_desc(id)->help,
				"id", cmd_desc(id)->name, "changes_engine",
				cmd_desc(id)->kind == CMD_KIND_ENGINE));
	}
	return json_pack("{so}", "commands", a);
}
