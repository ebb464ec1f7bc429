/* Inside show config: how its writers see the configuration, and their tables. */
#pragma once

#include "cli/cli.h"

/* What is written, and of what. */
struct conf {
	json_t *lines;
	uint32_t port, tcid;
	const struct seg_port *p;
	const struct tc_config *c; /* of the test case */
	struct tc_config fresh;    /* as it is when it was only added */
	struct faults_config none; /* as a port's are */
	union cmd_req *taken;      /* not NULL: the request is wanted, not its text */
	/* what is said over its sessions, or of an application of IMIX groups */
	const struct app_config *app;
	enum tc_kind side;
	uint32_t index;              /* of the latter, or of a group */
	const struct seg_imix *imix; /* NULL: they are not written */
};

/* Gives an argument of the request `r`; if it is not what it is without; port and test case. */
#define GIVE(id, field, value) \
	(r.id.field = (value), r.present |= UINT64_C(1) << offsetof(struct argno_##id, field))
#define GIVE_IF_NOT(id, field, value, usual) ((value) == (usual) ? 0 : GIVE(id, field, value))
#define GIVE_TC(id) (GIVE(id, port, o->port), GIVE(id, tcid, o->tcid))

/* Writes the command, unless none of what it could set is given. */
void show_config_emit(struct conf *o, enum cmd_id id, const union cmd_req *r);

struct writer {
	enum cmd_id id;
	void (*write)(struct conf *o);
};
#define WRITES(id)           \
	{                    \
		CMD_##id, id \
	}
#define WRITES_END      \
	{               \
		0, NULL \
	}

/* All of a table, which ends with WRITES_END. */
void show_config_write(struct conf *o, const struct writer *w);

/* show_config_app.c: of a test case's application; of an application of IMIX groups and of a group,
 * which conf.index names. */
extern const struct writer show_config_app[], show_config_imix_app[], show_config_imix_group[];
/* The applications and groups: all, or those of one port's test cases. 0 or -EAGAIN. */
int show_config_imix(struct conf *o, const struct seg *s, bool one_port, uint32_t port);
