/* Text that may come from anywhere. */
#pragma once

#include <stddef.h>

/* Bytes of the UTF-8 character that s[0..n) begins with, n > 0; 0: it begins with none (RFC 3629).
 */
size_t utf8_len(const char *s, size_t n);
