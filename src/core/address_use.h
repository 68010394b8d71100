/* Distinguishes public addresses from those that the internet cannot reach. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The purpose for which RFC 6890 reserves the address; NULL: it is public. */
const char *address_use(uint32_t address);
/* False: no host can have it, not even behind another NAT. */
bool address_is_possible(uint32_t address);
