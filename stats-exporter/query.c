/* What a request says beside its path. */
#include "stats-exporter/http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *request_value(struct MHD_Connection *c, enum MHD_ValueKind kind, const char *name)
{
	const char *value = NULL;
	size_t len = 0;

	if (MHD_lookup_connection_value_n(c, kind, name, strlen(name), &value, &len) == MHD_NO
		|| value == NULL || strlen(value) != len)
		return NULL;
	return value;
}

bool number_of(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	uint64_t v;
	char *end;

	if (text == NULL || *text < '0' || *text > '9')
		return false;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (*end != '\0' || errno != 0 || v < min || v > max)
		return false;
	*value = v;
	return true;
}

bool query_number(
	struct MHD_Connection *c, const char *key, uint64_t min, uint64_t max, uint64_t *value)
{
	if (MHD_lookup_connection_value_n(c, MHD_GET_ARGUMENT_KIND, key, strlen(key), NULL, NULL)
		== MHD_NO)
		return true;
	return number_of(request_value(c, MHD_GET_ARGUMENT_KIND, key), min, max, value);
}
