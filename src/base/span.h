/* A span is borrowed bytes: it never owns and never ends with a NUL. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const uint8_t *data;
    size_t len;
};

static inline struct span span_of(const void *data, size_t len)
{
    return (struct span){.data = data, .len = len};
}

static inline struct span span_text(const char *text)
{
    return span_of(text, strlen(text));
}

bool span_equal(struct span a, struct span b);
bool span_is(struct span a, const char *text);
bool span_starts(struct span a, const char *prefix);

/* The rest of a span after its first `count` bytes; count <= a.len. */
static inline struct span span_skip(struct span a, size_t count)
{
    return count == 0 ? a : span_of(a.data + count, a.len - count);
}
