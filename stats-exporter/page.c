/* The live page: files built into the program by the assembler, each as it is, compressed, and with the
 * tag that names what is in it. Browsers ask each time, and are told that theirs is the one. */
#include "stats-exporter/http.h"

#include <stdio.h>
#include <string.h>

#ifndef PAGE_DIR
#define PAGE_DIR "build/release/page"
#endif

/* What the page may do: load what is here, and talk to us. Nothing stands in it that would be run. */
#define PAGE_CSP                                                                                \
	"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src " \
	"'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

#define BLOB(id, file, kind)                                                   \
	__asm__(".pushsection .rodata\n"                                       \
		".hidden page_" #id "_" #kind ", page_" #id "_" #kind "_end\n" \
		".global page_" #id "_" #kind ", page_" #id "_" #kind "_end\n" \
		"page_" #id "_" #kind ":\n"                                    \
		".incbin \"" PAGE_DIR "/" file "." #kind "\"\n"                \
		"page_" #id "_" #kind "_end:\n"                                \
		".byte 0\n"                                                    \
		".popsection\n");                                              \
	extern const char page_##id##_##kind[], page_##id##_##kind##_end[];
#define ASSET(id, path, file, type) BLOB(id, file, raw) BLOB(id, file, gz) BLOB(id, file, tag)
#include "stats-exporter/page/assets.def"

struct asset {
	const char *type, *raw, *raw_end, *gz, *gz_end, *tag; /* tag: 16 digits */
};

/* Does Accept-Encoding take gzip? */
static bool takes_gzip(const char *s)
{
	for (; s != NULL && *s != '\0'; s += strcspn(s, ","), s += *s == ',') {
		size_t len;
		const char *q;

		s += strspn(s, " \t");
		len = strcspn(s, " \t;,");
		if (len != 4 || strncasecmp(s, "gzip", len) != 0)
			continue;
		q = s + len + strspn(s + len, " \t;");
		return strncasecmp(q, "q=0", 3) != 0
			|| strcspn(q + 3, "123456789") < strcspn(q + 3, ",");
	}
	return false;
}

static bool has_tag(const char *if_none_match, const char *tag)
{
	return if_none_match != NULL
		&& (strcmp(if_none_match, "*") == 0 || strstr(if_none_match, tag) != NULL);
}

static enum MHD_Result give(struct MHD_Connection *c, const struct asset *a)
{
	bool gzip = takes_gzip(MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Accept-Encoding"));
	const char *data = gzip ? a->gz : a->raw;
	size_t len = (size_t)((gzip ? a->gz_end : a->raw_end) - data);
	unsigned int status = MHD_HTTP_OK;
	struct MHD_Response *r;
	enum MHD_Result rc;
	char tag[32];

	snprintf(tag, sizeof(tag), "\"%.16s%s\"", a->tag, gzip ? "-gzip" : "");
	if (has_tag(MHD_lookup_connection_value(c, MHD_HEADER_KIND, "If-None-Match"), tag)) {
		status = MHD_HTTP_NOT_MODIFIED;
		len = 0;
	}
	/* not written to, whatever the type says */
	r = MHD_create_response_from_buffer(len, (void *)(uintptr_t)data, MHD_RESPMEM_PERSISTENT);
	if (r == NULL)
		return MHD_NO;
	answer_head(r, a->type, PAGE_CSP, "no-cache");
	MHD_add_response_header(r, "ETag", tag);
	MHD_add_response_header(r, "Vary", "Accept-Encoding");
	if (gzip && status == MHD_HTTP_OK)
		MHD_add_response_header(r, "Content-Encoding", "gzip");
	rc = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return rc;
}

#define ASSET(id, path, file, mime)                                                        \
	enum MHD_Result page_##id(struct exporter *x, struct MHD_Connection *c)            \
	{                                                                                  \
		static const struct asset a = {mime, page_##id##_raw, page_##id##_raw_end, \
			page_##id##_gz, page_##id##_gz_end, page_##id##_tag};              \
                                                                                           \
		(void)x;                                                                   \
		return give(c, &a);                                                        \
	}
#include "stats-exporter/page/assets.def"
