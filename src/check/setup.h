/* Writes the RouterOS commands that set up a router for double-natpmp in a container; a person reads and
 * pastes them. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "check/ros_version.h"

enum {
    SETUP_CONTAINER = (int)0xAC1EFE02, /* 172.30.254.2, in a /30 that home networks hardly ever use */
    SETUP_ENVS_MAX = 32,
    SETUP_BYTES_MAX = 32768,
};

struct setup_env {
    struct span name;
    struct span value; /* if this is an absolute path, the folder of the file is mounted */
};

struct setup {
    struct ros_version version; /* one that has containers */
    uint32_t container;         /* the second host of a /30; the router has the first one */
    uint16_t listen_port;
    bool tls;
    bool make_certificate; /* for TLS without a configured certificate: the image has no CAs */
    uint16_t api_port;
    const char *user;
    struct setup_env env[SETUP_ENVS_MAX];
    unsigned envs;
};

/* The router's address in the network of the container. */
uint32_t setup_router(uint32_t container);
/* A writer with SETUP_BYTES_MAX bytes has enough room. */
void setup_write(const struct setup *s, struct writer *w);
