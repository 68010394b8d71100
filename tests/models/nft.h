/* Scripts for nft(8), from the programs that model router and gateway in the lab. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Executes one atomic transaction. False: nft refused it, and has written the reason to stderr. */
bool nft_run(const char *script, size_t len);
