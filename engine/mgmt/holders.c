/* Ports that one operator alone may change. Open to all until somebody takes them; given back when the operator says so,
 * or leaves. */
#include "engine/mgmt/mgmt_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct seg_holder port_holders[PORTS_MAX];

static bool holds(const struct asker *by, uint32_t port)
{
	return port_holders[port].held && port_holders[port].slot == by->slot;
}

static int held_by_another(uint32_t port, struct reply *r)
{
	const struct seg_holder *h = &port_holders[port];
	time_t t = (time_t)(h->since_realtime_ns / SECOND_NS);
	char since[32];
	struct tm tm;

	localtime_r(&t, &tm);
	strftime(since, sizeof(since), "%F %T", &tm);
	return reply_fail(r, -EBUSY,
		"port %u is held by %s (pid %u) since %s: acquire port %u force takes it", port,
		h->name, h->pid, since, port);
}

/* Of the port that the request is about; NOTE_NONE: of none. */
uint32_t cmd_port(enum cmd_id id, const union cmd_req *req)
{
	const struct cmd_desc *c = cmd_desc(id);
	uint32_t port;

	for (size_t k = 0; k < c->n_args; k++) {
		if (strcmp(c->args[k].name, "port") != 0 || !(req->present >> k & 1))
			continue;
		memcpy(&port, req->raw + c->args[k].off, sizeof(port));
		return port;
	}
	return NOTE_NONE;
}

int holder_allows(const struct asker *by, enum cmd_id id, const union cmd_req *req, struct reply *r)
{
	uint32_t port = cmd_port(id, req);

	if (port >= n_ports || id == CMD_acquire_port || id == CMD_release_port)
		return 0; /* of no port; those have rules of their own */
	if (port_holders[port].held && !holds(by, port))
		return held_by_another(port, r);
	return 0;
}

static void held_now(const struct asker *by, uint32_t port)
{
	struct seg_holder *h = &port_holders[port];
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	memset(h, 0, sizeof(*h));
	h->held = 1;
	h->since_realtime_ns = (uint64_t)ts.tv_sec * SECOND_NS + (uint64_t)ts.tv_nsec;
	h->slot = by->slot;
	h->pid = by->pid;
	h->uid = by->uid;
	snprintf(h->name, sizeof(h->name), "%s", by->name);
	publish_port(port);
}

static void held_no_more(const struct asker *by, uint32_t port)
{
	memset(&port_holders[port], 0, sizeof(port_holders[port]));
	publish_port(port);
	event_by(by, event_kind_PORT_RELEASED, loglevel_INFO, port, NULL,
		"port %u was released by %s", port, by->name);
}

static int known_port(const struct asker *by, uint32_t port, struct reply *r)
{
	if (port >= n_ports)
		return reply_fail(r, -ENODEV, "port %u does not exist: the engine has ports 0..%u",
			port, n_ports - 1);
	if (by->slot == NOTE_NONE)
		return reply_fail(
			r, -EINVAL, "a command file leaves when it ends: it cannot hold a port");
	return 0;
}

int cmd_acquire_port(const struct req_acquire_port *q, struct reply *r)
{
	int rc = known_port(r->by, q->port, r);
	struct asker former;

	if (rc != 0 || holds(r->by, q->port))
		return rc; /* it is theirs already */
	if (!port_holders[q->port].held) {
		held_now(r->by, q->port);
		event_by(r->by, event_kind_PORT_ACQUIRED, loglevel_INFO, q->port, NULL,
			"port %u was acquired by %s", q->port, r->by->name);
		return 0;
	}
	if (!q->force)
		return held_by_another(q->port, r);
	operator_asker(port_holders[q->port].slot, &former);
	event_by(r->by, event_kind_PORT_TAKEN, loglevel_NOTICE, q->port, &former,
		"port %u was taken from %s by %s (uid %u, pid %u)", q->port, former.name,
		r->by->name, r->by->uid, r->by->pid);
	held_now(r->by, q->port);
	return 0;
}

int cmd_release_port(const struct req_release_port *q, struct reply *r)
{
	int rc = known_port(r->by, q->port, r);

	if (rc != 0)
		return rc;
	if (!port_holders[q->port].held)
		return reply_fail(r, -ENOENT, "port %u is held by nobody", q->port);
	if (!holds(r->by, q->port))
		return held_by_another(q->port, r);
	held_no_more(r->by, q->port);
	return 0;
}

void holder_left(const struct asker *by)
{
	for (uint32_t p = 0; p < n_ports; p++) {
		if (holds(by, p))
			held_no_more(by, p);
	}
}
