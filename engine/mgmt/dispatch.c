/* From a checked request to its handler; and command files. */
#include "engine/mgmt/mgmt_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WORDS_MAX 64

#define CASE_ENGINE(id) \
	case CMD_##id:  \
		return cmd_##id(&req->id, r);
#define CASE_CLIENT(id) \
	case CMD_##id:  \
		break;

int mgmt_dispatch(enum cmd_id id, const union cmd_req *req, struct reply *r)
{
	switch (id) {
#define CMD_BEGIN(id, path, kind, ...) CASE_##kind(id)
#include "common/cmd/cmd.def"
	case CMD_COUNT:
		break;
	}
	return reply_fail(r, -EOPNOTSUPP, "the client shows this itself, the engine is not asked");
}

static int line_run(char *line, char *err, size_t errlen)
{
	const char *word[WORDS_MAX];
	struct reply r = {0};
	union cmd_req req;
	enum cmd_id id;
	int n = cmd_split(line, word, WORDS_MAX, err, errlen), rc;

	if (n <= 0)
		return n < 0 ? -EINVAL : 0;
	if (cmd_parse(word, n, &id, &req, err, errlen) != 0)
		return -EINVAL;
	if (cmd_desc(id)->kind == CMD_KIND_CLIENT)
		return 0; /* nobody looks */
	rc = mgmt_dispatch(id, &req, &r);
	if (rc != 0)
		snprintf(err, errlen, "%s", r.text);
	return rc;
}

int mgmt_file(const char *path)
{
	char line[1024], err[REPLY_TEXT_MAX];
	FILE *f = fopen(path, "r");
	int errors = 0;

	if (f == NULL) {
		log_line(loglevel_ERR, "error: %s: %s", path, strerror(errno));
		return 1;
	}
	for (int no = 1; fgets(line, sizeof(line), f) != NULL; no++) {
		if (line_run(line, err, sizeof(err)) != 0) {
			log_line(loglevel_ERR, "error: %s:%d: %s", path, no, err);
			errors++;
		}
	}
	fclose(f);
	return errors;
}
