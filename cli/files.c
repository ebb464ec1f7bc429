/* Names of files, as words to complete. */
#include "cli/shell.h"
#include "common/util/utf8.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Could the user type it? A path argument takes no control characters. */
static bool is_text(const char *s)
{
	while (*s != '\0') {
		size_t len = utf8_len(s, strlen(s));

		if (len == 0 || (unsigned char)*s < ' ' || *s == 127)
			return false;
		s += len;
	}
	return true;
}

static bool is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Hidden ones are for whoever asks for them, a directory itself and its parent for nobody. */
static bool wanted(const char *name, const char *base)
{
	bool hidden = *name == '.', self = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;

	return strncmp(name, base, strlen(base)) == 0 && (!hidden || *base == '.') && !self
		&& is_text(name);
}

void files_complete(const char *typed, cmd_complete_fn *add, void *arg)
{
	const char *slash = strrchr(typed, '/'), *base = slash ? slash + 1 : typed;
	char dir[sizeof(struct arg_text256)], path[sizeof(dir)], word[sizeof(path) + 1];
	int in_dir = (int)(base - typed), n;
	struct dirent **found;

	snprintf(dir, sizeof(dir), "%.*s", in_dir ? in_dir : 1, in_dir ? typed : ".");
	n = scandir(dir, &found, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		const char *name = found[i]->d_name;
		size_t len = (size_t)in_dir + strlen(name);

		if (wanted(name, base) && len < sizeof(path)) {
			snprintf(path, sizeof(path), "%.*s%s", in_dir, typed, name);
			snprintf(word, sizeof(word), "%s%s", path, is_dir(path) ? "/" : "");
			add(word, "", false, arg);
		}
		free(found[i]);
	}
	if (n >= 0)
		free(found);
}
