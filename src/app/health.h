/* The reply of the running daemon to `double-natpmp health`, and the name of the socket where it is asked. */
#pragma once

#include "core/proxy_status.h"
#include "io/probe.h"

struct health_name {
    char text[ABSTRACT_NAME_MAX + 1];
};

/* The name differs for each daemon of a network namespace, because no two of them answer NAT-PMP on the same
 * address and port. */
struct health_name health_name(const char *instance, uint32_t listen_address, uint16_t listen_port);

#define HEALTH_QUESTION "?"

enum {
    HEALTH_LINE_MAX = 511,
};

/* Writes one line: "healthy ...", or "unhealthy: " and the reason. */
void health_write(const struct proxy_status *status, char ret_line[HEALTH_LINE_MAX + 1]);
bool health_is_good(const char *line);
