/* What libFuzzer and replay.c call. Targets assert properties, since asserts are on in every build. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The next byte; 0: there is none. */
static inline uint8_t fuzz_take(struct span *input)
{
    uint8_t value = 0;

    if (input->len > 0) {
        value = input->data[0];
        *input = span_skip(*input, 1);
    }
    return value;
}
