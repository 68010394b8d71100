/* A core as the tests of the whole core begin with it. */
#pragma once

#include <stdlib.h>

#include "core/proxy.h"
#include "unit.h"

/* The caller frees it. */
static inline struct proxy *proxy_make(void)
{
    static const struct proxy_config config = {
        .gateway = 0x0a020001,
        .instance = "default",
        .user = "natpmp",
        .password = "secret",
        .in_interface = "wg1",
        .mappings_max = MAPPINGS_MAX,
        .client_mappings_max = CLIENT_MAPPINGS_DEFAULT,
        .log_level = LOG_LEVEL_INFO,
    };
    struct proxy *proxy = calloc(1, proxy_size());
    assert_non_null(proxy);
    proxy_init(proxy, &config, 1);
    return proxy;
}
