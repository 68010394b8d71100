/* TLS to the router, as the configuration asks for it. */
#pragma once

#include <stdbool.h>

#include "app/config.h"
#include "io/tls.h"

/* *ret_tls is NULL if the router is spoken to without TLS; else it is the caller's. False: what is asked for
 * cannot be had, and it was said on stderr why. */
nodiscard_ bool secure_open(const struct config *config, struct tls_context **ret_tls);
