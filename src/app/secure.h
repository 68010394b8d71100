/* Sets up TLS for the connection to the router, as configured. */
#pragma once

#include <stdbool.h>

#include "app/config.h"
#include "io/tls.h"

/* *ret_tls is NULL if TLS is not configured; otherwise the caller frees it. Returns false, after a message on
 * stderr, if the configured TLS is not possible. */
nodiscard_ bool secure_open(const struct config *config, struct tls_context **ret_tls);
