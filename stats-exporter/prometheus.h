/* What /metrics says, in the format that is asked for. */
#pragma once

#include "stats-exporter/sample.h"

/* Formats of /metrics: which one an Accept header asks for (NULL: there is none), its Content-Type. */
enum prom_format {
	PROM_TEXT,       /* Prometheus text 0.0.4 */
	PROM_OPENMETRICS /* 1.0.0 */
};
enum prom_format prometheus_accept(const char *accept);
const char *prometheus_type(enum prom_format format);
/* The document, to be freed, NULL: no memory. Works without an engine too. */
char *prometheus_text(struct exporter *x, enum prom_format format, size_t *len);
/* The same of a sample; NULL: no engine, or one that does not move, which is attached then. took_s
 * is what making the sample took. */
char *prometheus_of(
	const struct sample *s, bool attached, enum prom_format format, double took_s, size_t *len);
