/* The RouterOS commands that set a router up for double-natpmp in a container, for a person to read and
 * paste. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "check/ros_version.h"

enum {
    SETUP_CONTAINER = (int)0xAC1EFE02, /* 172.30.254.2, in a /30 that home networks hardly use */
    SETUP_ENVS_MAX = 32,
    SETUP_BYTES_MAX = 32768,
};

struct setup_env {
    struct span name;
    struct span value; /* an absolute path is a file that the container must see: its folder is mounted */
};

struct setup {
    struct ros_version version; /* with containers */
    uint32_t container;         /* the second host of a /30, of which the router takes the first */
    uint16_t listen_port;
    bool tls;
    bool make_certificate; /* for TLS, where the configuration names none: the image has no CAs */
    uint16_t api_port;
    const char *user;
    struct setup_env env[SETUP_ENVS_MAX];
    unsigned envs;
};

/* The router's end of the container's network. */
uint32_t setup_router(uint32_t container);
/* SETUP_BYTES_MAX is enough. */
void setup_write(const struct setup *s, struct writer *w);
