/* Scripts for nft(8), from the programs that play router and gateway in the lab. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* One atomic transaction; false: refused, and nft has said why on stderr. */
bool nft_run(const char *script, size_t len);
