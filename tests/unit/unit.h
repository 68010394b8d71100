/* What cmocka requires to be included before it, and comparisons of spans that print both sides. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attributes.h"
#include "base/span.h"

/* The tests of this file, which `unit NAME` runs. */
#define UNIT(name)                                                                                           \
    int unit_##name(void);                                                                                   \
    int unit_##name(void)

static inline void print_bytes(const char *title, const uint8_t *data, size_t len)
{
    print_error("%s %zu bytes:", title, len);
    for (size_t i = 0; i < len && i < 64; i++)
        print_error(" %02x", (unsigned)data[i]);
    print_error("\n");
}

static inline void check_bytes(struct span actual, struct span expected, const char *file, int line)
{
    if (!span_equal(actual, expected)) {
        print_bytes("actual  ", actual.data, actual.len);
        print_bytes("expected", expected.data, expected.len);
        _fail(file, line);
    }
}

#define assert_span_equal(actual, expected) check_bytes(actual, expected, __FILE__, __LINE__)
#define assert_span_text(actual, text) check_bytes(actual, span_text(text), __FILE__, __LINE__)
/* A byte array from a string literal, which may contain NULs. */
#define BYTES(literal) span_of(literal, sizeof(literal) - 1)
