/* Whether an address can be reached from the internet. */
#pragma once

#include <stdint.h>

/* What RFC 6890 sets the address aside for, in words; NULL: it is public. */
const char *address_use(uint32_t address);
