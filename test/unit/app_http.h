/* The settings that tests of HTTP begin with. */
#pragma once

#include "engine/l7_app/l7_app.h"

#include <stdio.h>

#define TEXT(field, value) snprintf(field, sizeof(field), "%s", value)

static inline struct tc_config http_config(enum tc_kind side)
{
	struct tc_config cfg = {.kind = side, .app = {.kind = app_kind_HTTP}, .proto = l4proto_TCP};

	TEXT(cfg.app.http.host, "www.foo42.net");
	TEXT(cfg.app.http.object, "/index.html");
	return cfg;
}
