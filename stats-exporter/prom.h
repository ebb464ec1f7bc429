/* A document for Prometheus while it is written. */
#pragma once

#include "stats-exporter/out.h"
#include "stats-exporter/prometheus.h"

struct prom {
	struct out o;
	enum prom_format format;
};

enum prom_type {
	PROM_COUNTER, /* its series are NAME_total */
	PROM_GAUGE,
	PROM_INFO,      /* NAME_info, always 1 */
	PROM_HISTOGRAM, /* NAME_bucket, NAME_sum, NAME_count */
	PROM_TYPE_COUNT
};

/* The lines before a family's series: name without what its type adds. */
void prom_family(struct prom *p, const char *name, enum prom_type type, const char *help);
/* name="value" */
void prom_label(struct prom *p, const char *name, const char *value);

/* All counters of the tables, a family each; drops are one, by reason. */
void prom_counters(struct prom *p, const struct sample *s);
