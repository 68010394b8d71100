/* The functions of libmicrohttpd that are used. A shared library is loaded only if the status page is
 * configured: Debian's one brings the libraries for TLS with it. */
#pragma once

#include <microhttpd.h>

#include "base/attributes.h"

// clang-format off
#define HTTP_LIBRARY(X)                  \
    X(MHD_start_daemon)                  \
    X(MHD_stop_daemon)                   \
    X(MHD_run)                           \
    X(MHD_get_timeout)                   \
    X(MHD_get_daemon_info)               \
    X(MHD_get_connection_info)           \
    X(MHD_lookup_connection_value)       \
    X(MHD_create_response_from_buffer)   \
    X(MHD_create_response_from_callback) \
    X(MHD_add_response_header)           \
    X(MHD_set_response_options)          \
    X(MHD_queue_response)                \
    X(MHD_destroy_response)
// clang-format on

struct http_library {
#define POINTER(name) __typeof__(name) *(name);
    HTTP_LIBRARY(POINTER)
#undef POINTER
};

/* Returns NULL if the library is not installed. It stays loaded. */
nodiscard_ const struct http_library *http_library(void);
