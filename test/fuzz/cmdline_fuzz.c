/* The command line: a line cut into words, parsed, checked as the engine does, written as text and
 * parsed again; and its beginnings completed. */
#include "common/cmd/cmd.h"
#include "test/fuzz/fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

/* A copy that asan knows the end of. */
static char *copy_of(const char *s)
{
	char *copy = strdup(s);

	MUST(copy != NULL);
	return copy;
}

static bool parse(const char *text, enum cmd_id *id, union cmd_req *req)
{
	const char *word[CMD_WORDS_MAX];
	char *line = copy_of(text), err[64] = "";
	int n = cmd_split(line, word, CMD_WORDS_MAX, err, sizeof(err));
	bool ok = n > 0 && cmd_parse(word, n, id, req, err, sizeof(err)) == 0;

	MUST(n <= CMD_WORDS_MAX && memchr(err, 0, sizeof(err)) != NULL);
	free(line);
	return ok;
}

/* What a parser made the engine takes, and as text it means the same. */
static void there_and_back(const char *text)
{
	char again[CMD_LINE_MAX], err[200] = "";
	union cmd_req req, req2;
	enum cmd_id id, id2;

	if (!parse(text, &id, &req))
		return;
	MUST(cmd_check(id, &req, err, sizeof(err)) == 0);
	MUST(cmd_format(id, &req, again, 8) != 0 && strlen(again) < 8);
	MUST(cmd_format(id, &req, again, sizeof(again)) > 0);
	MUST(parse(again, &id2, &req2) && id == id2 && memcmp(&req, &req2, sizeof(req)) == 0);
}

static void offered(const char *word, const char *help, bool hint, void *arg)
{
	(void)hint;
	MUST(*word != '\0' && help != NULL);
	++*(int *)arg;
}

static void complete(const char *text)
{
	const char *word[CMD_WORDS_MAX], *last = "";
	char *line = copy_of(text);
	int n, n_offers = 0;

	if (cmd_split_begun(line, word, CMD_WORDS_MAX, &n, &last) == CMD_IN_WORD)
		cmd_complete(word, n, last, offered, &n_offers);
	MUST(n <= CMD_WORDS_MAX);
	free(line);
}

static void quote(const char *text)
{
	char buf[2 * CMD_LINE_MAX + 8], *line;
	const char *word[2];

	MUST(cmd_quote(text, buf, sizeof(buf)) < (int)sizeof(buf));
	line = copy_of(buf);
	MUST(cmd_split(line, word, 2, buf, sizeof(buf)) == 1 && strcmp(word[0], text) == 0);
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[CMD_LINE_MAX + 1];

	size = size < CMD_LINE_MAX ? size : CMD_LINE_MAX;
	if (size != 0)
		memcpy(text, data, size);
	text[size] = '\0';
	there_and_back(text);
	quote(text);
	complete(text);
	text[strlen(text) / 2] = '\0';
	complete(text);
	return 0;
}
