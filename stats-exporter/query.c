/* What a request says beside its path. */
#include "stats-exporter/http.h"

#include <errno.h>
#include <stdlib.h>

bool query_number(
	struct MHD_Connection *c, const char *key, uint64_t min, uint64_t max, uint64_t *value)
{
	const char *s = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, key);
	uint64_t v;
	char *end;

	if (s == NULL)
		return true;
	errno = 0;
	v = strtoull(s, &end, 10);
	if (*s < '0' || *s > '9' || *end != '\0' || errno != 0 || v < min || v > max)
		return false;
	*value = v;
	return true;
}
