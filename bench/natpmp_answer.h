/* A gateway that grants every request, at once and without memory: the external port is the internal one. The
 * model in tests/models keeps leases. Here the gateway has to cost less than any daemon that is measured. */
#pragma once

#include <stdint.h>

/* Makes the reply of a request in its place. `bytes` has room for 16. Returns the reply's length; 0: no
 * answer. */
unsigned natpmp_answer(uint8_t *bytes, unsigned len, uint32_t epoch_s);
