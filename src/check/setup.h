/* Writes the RouterOS commands that set up a router for double-natpmp in a container, or that remove it
 * again; a person reads and pastes them. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/limits.h"
#include "check/finding.h"
#include "check/ros_version.h"
#include "core/router_rows.h"

enum {
    SETUP_CONTAINER = (int)0xAC1EFE02, /* 172.30.254.2, in a /30 that home networks hardly ever use */
    SETUP_ENVS_MAX = 32,
    SETUP_BYTES_MAX = 32768,
    SETUP_IMAGE_MAX = 255, /* as in Docker */
};

struct setup_env {
    struct span name;
    struct span value; /* if this is an absolute path, the folder of the file is mounted */
};

/* How the LAN's hosts use the tunnel, apart from the answers to connections that came in through it. */
enum setup_via {
    SETUP_VIA_ANSWERS, /* they do not: only those answers leave through the tunnel */
    SETUP_VIA_MAIN,    /* all of them, by the main routing table */
    SETUP_VIA_RULE,    /* some of them, by a routing rule */
    SETUP_VIA_MANGLE,  /* some of them, by marks */
};

struct setup {
    struct ros_version version; /* one that has containers */
    uint32_t container;         /* the second host of a /30; the router has the first one */
    uint16_t listen_port;
    bool tls;
    bool make_certificate; /* for TLS without a configured certificate: the image has no CAs */
    uint16_t api_port;
    const char *user;
    const char *instance;
    uint32_t gateway;
    const char *tunnel;                    /* the interface */
    const struct interface_names *tunnels; /* that it may be; NULL: it is known */
    const char *lan;   /* the LAN's interface, for a router without an interface list LAN; NULL: it has one */
    struct span image; /* in a registry; empty: an uploaded file */
    enum setup_via via;
    bool answered;               /* the router already sends the answers through the tunnel */
    const struct finding *wrong; /* a setting that names what it should not; no text: none does */
    struct setup_env env[SETUP_ENVS_MAX];
    unsigned envs;
};

/* What setup takes from a router that it can ask. */
struct setup_router {
    char tunnel[INTERFACE_NAME_MAX + 1]; /* empty: there is none */
    struct interface_names choice;       /* the tunnels that it may be, if it is not known */
    char lan[INTERFACE_NAME_MAX + 1];    /* empty: there is an interface list LAN */
    bool answered;
    struct finding wrong; /* a setting that names what it should not; no text: none does */
};

struct survey;
void setup_find(const struct survey *s, struct setup_router *ret_router);

/* The router's address in the network of the container. */
uint32_t setup_router(uint32_t container);
/* The name of --via; false: there is no such way. */
bool setup_parse_via(struct span text, enum setup_via *ret_via);
/* True: the name of an image, such as ghcr.io/owner/double-natpmp:0.1.0, which needs no quotes on the router.
 */
bool setup_is_image(struct span name);
/* A writer with SETUP_BYTES_MAX bytes has enough room. */
void setup_write(const struct setup *s, struct writer *w);
/* The commands that remove what those of setup_write made, for any way. */
void setup_write_removal(const struct setup *s, struct writer *w);
