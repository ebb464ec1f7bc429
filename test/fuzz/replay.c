/* Runs a fuzz target on files, without libFuzzer. usage: TARGET FILE|DIR... */
#include "test/fuzz/fuzz.h"

#include <dirent.h>
#include <sys/stat.h>

static int n_run;

static void one(const char *path)
{
	FILE *f = fopen(path, "re");
	uint8_t *data;
	struct stat st;

	MUST(f != NULL && fstat(fileno(f), &st) == 0);
	data = malloc(
		(size_t)st.st_size + (st.st_size == 0)); /* its size: asan sees what is beyond */
	MUST(data != NULL && fread(data, 1, (size_t)st.st_size, f) == (size_t)st.st_size);
	fclose(f);
	setenv("FUZZ_INPUT", path, 1); /* for who looks at a core */
	LLVMFuzzerTestOneInput(data, (size_t)st.st_size);
	free(data);
	n_run++;
}

static int no_dots(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static void all(const char *dir)
{
	struct dirent **e;
	int n = scandir(dir, &e, no_dots, alphasort);

	MUST(n >= 0);
	for (int i = 0; i < n; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", dir, e[i]->d_name);
		one(path);
		free(e[i]);
	}
	free(e);
}

int main(int argc, char **argv)
{
	struct stat st;

	LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++) {
		MUST(stat(argv[i], &st) == 0);
		if (S_ISDIR(st.st_mode))
			all(argv[i]);
		else
			one(argv[i]);
	}
	printf("[       OK ] %s: %d inputs\n", argv[0], n_run);
	return n_run != 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
