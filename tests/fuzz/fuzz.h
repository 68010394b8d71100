/* What libFuzzer and replay.c call. Targets assert properties, since asserts are on in every build. */
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
