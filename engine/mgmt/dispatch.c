/* From a checked request to its handler; and command files. */
#include "engine/mgmt/mgmt_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CASE_ENGINE(id) \
	case CMD_##id:  \
		return cmd_##id(&req->id, r);
#define CASE_CLIENT(id) \
	case CMD_##id:  \
		break;

static int dispatch(enum cmd_id id, const union cmd_req *req, struct reply *r)
{
	switch (id) {
#define CMD_BEGIN(id, path, kind, ...) CASE_##kind(id)
#include "common/cmd/cmd.def"
	case CMD_COUNT:
		break;
	}
	return reply_fail(r, -EOPNOTSUPP, "the client shows this itself, the engine is not asked");
}

int mgmt_ask(const struct asker *by, enum cmd_id id, const union cmd_req *req, struct reply *r)
{
	int rc = 0;

	r->by = by;
	if (cmd_desc(id)->kind == CMD_KIND_ENGINE && by->read_only)
		rc = reply_fail(r, -EPERM, "operator %s may only look", by->name);
	if (rc == 0)
		rc = holder_allows(by, id, req, r);
	if (rc == 0)
		rc = dispatch(id, req, r);
	audit(by, id, req, rc, r->text);
	return rc;
}

/* One line of a command file. 0, or -errno with why in err. */
static int line_run(char *line, const char *path, int no, char *err, size_t errlen)
{
	const struct asker file = {.name = "command file",
		.slot = NOTE_NONE,
		.pid = (uint32_t)getpid(),
		.uid = getuid()};
	const char *word[CMD_WORDS_MAX];
	struct reply r = {0};
	union cmd_req req;
	enum cmd_id id;
	int n = cmd_split(line, word, CMD_WORDS_MAX, err, errlen), rc;

	if (n <= 0)
		return n < 0 ? -EINVAL : 0;
	if (cmd_parse(word, n, &id, &req, err, errlen) != 0)
		return -EINVAL;
	if (cmd_desc(id)->kind == CMD_KIND_CLIENT) {
		log_line(loglevel_WARNING, "%s:%d: warning: left out, only the CLI does '%s'", path,
			no, cmd_desc(id)->path);
		return 0;
	}
	rc = mgmt_ask(&file, id, &req, &r);
	if (rc == 0 && r.deferred && mgmt_wait_stopped(r.wait_port) != 0)
		rc = reply_fail(&r, -ETIMEDOUT, "port %u has not stopped yet", r.wait_port);
	if (rc != 0)
		snprintf(err, errlen, "%s", r.text);
	return rc;
}

int mgmt_file(const char *path)
{
	char *line = NULL, err[REPLY_TEXT_MAX];
	FILE *f = fopen(path, "re");
	size_t room = 0;
	ssize_t len;
	int errors = 0, lines = 0;

	if (f == NULL) {
		log_line(loglevel_ERR, "error: %s: %s", path, strerror(errno));
		return 1;
	}
	while ((len = getline(&line, &room, f)) >= 0) {
		int rc = -EINVAL, no = ++lines;

		if (len > CMD_LINE_MAX)
			snprintf(err, sizeof(err), "longer than %d characters", CMD_LINE_MAX);
		else if (strlen(line) != (size_t)len)
			snprintf(err, sizeof(err), "a zero byte in the line");
		else
			rc = line_run(line, path, no, err, sizeof(err));
		if (rc != 0) {
			log_line(loglevel_ERR, "%s:%d: error: %s", path, no, err);
			errors++;
		}
	}
	if (errors != 0)
		log_line(loglevel_ERR, "%s: %d of %d lines failed", path, errors, lines);
	if (ferror(f)) {
		log_line(loglevel_ERR, "error: %s: %s", path, strerror(errno));
		errors++;
	}
	free(line);
	fclose(f);
	return errors;
}
