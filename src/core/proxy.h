/* The program without its sockets: one event in, ordered actions out, one deadline. */
#pragma once

#include "core/event.h"

struct proxy;

/* For clients that renew later than the lease that the gateway grants them. */
enum lease_hold {
    LEASE_HOLD_AUTO,   /* renewed by ourselves for clients that came back late once */
    LEASE_HOLD_ALWAYS, /* for all */
    LEASE_HOLD_OFF,    /* what is not renewed in time ends */
};

/* How the gateway forwards. */
enum gateway_mode {
    GATEWAY_MODE_AUTO,      /* from the external port to the internal port that it was asked for (RFC 6886) */
    GATEWAY_MODE_SYMMETRIC, /* from external port n to port n only: it is asked for internal port 0 */
};

struct proxy_config {
    uint32_t gateway; /* never the source of a LAN request */
    char instance[INSTANCE_NAME_MAX + 1];
    char user[CREDENTIAL_MAX + 1];
    char password[CREDENTIAL_MAX + 1];
    char in_interface[INTERFACE_NAME_MAX + 1]; /* empty: the router is asked */
    uint16_t client_mappings_max;              /* 1 .. CLIENT_MAPPINGS_MAX */
    enum lease_hold lease_hold;
    enum gateway_mode gateway_mode;
    enum log_level log_level;
};

/* The size of struct proxy, for whoever provides its memory: zeroed, aligned as by calloc. Many megabytes of
 * address space, of which only what is used becomes real. */
size_t proxy_size(void);

/* `seed` decides ports, jitter and delays: the same seed and events give the same actions. The memory must be
 * zero. */
void proxy_init(struct proxy *p, const struct proxy_config *config, uint64_t seed);

/* Never fails. Clears *out first. */
void proxy_step(struct proxy *p, const struct event *event, struct actions *out);

/* When EVENT_DEADLINE is due if nothing else happens: never before the last event's time; UINT64_MAX: never.
 */
uint64_t proxy_deadline_ms(const struct proxy *p);

/* For tests, and for whoever asks how the program is. */
struct proxy_status {
    const char *router_trouble;  /* why nothing can be mapped on the router; NULL: it can */
    const char *gateway_trouble; /* why nothing can be mapped at the gateway; NULL: it answers */
    uint32_t external_address;   /* 0: not known */
    unsigned mappings;           /* live: a client stands behind it */
    unsigned records;            /* all, with those that are being undone */
    unsigned clients;
    uint32_t epoch_s;
    uint64_t dropped; /* datagrams that were no valid request from an allowed source */
};
struct proxy_status proxy_status(const struct proxy *p, uint64_t now_ms);
