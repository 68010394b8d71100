/* What an IPv4 address is reserved for (RFC 6890): which ones the internet cannot reach, which ones a LAN
 * behind a NAT has, and which ones no host can have. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The purpose for which the address is reserved; NULL: it is public. */
const char *address_use(uint32_t address);
/* False: no host can have it, not even behind another NAT. */
bool address_is_possible(uint32_t address);
/* RFC 1918. 100.64.0.0/10 (RFC 6598) is not private: providers use it. */
bool address_is_private(uint32_t address);
/* RFC 1918 and RFC 3927: a host on a LAN behind a NAT has such an address. */
bool address_is_of_lan(uint32_t address);
bool address_is_loopback(uint32_t address);
