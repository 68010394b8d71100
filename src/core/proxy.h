/* The program without its sockets: takes one event, and returns ordered actions and one deadline. */
#pragma once

#include "core/event.h"

struct proxy;

/* What the daemon does for clients that renew after the gateway's lease has ended (LEASE_HOLD). */
enum lease_hold {
    LEASE_HOLD_AUTO,   /* keeps the mappings of clients alive that came back late once */
    LEASE_HOLD_ALWAYS, /* keeps all mappings alive */
    LEASE_HOLD_OFF,    /* keeps no mapping alive */
};

/* How the gateway forwards (GATEWAY_MODE). */
enum gateway_mode {
    GATEWAY_MODE_AUTO,      /* the normal way: from the external port to the internal port of the request (RFC
                               6886) */
    GATEWAY_MODE_SYMMETRIC, /* from external port n to port n only; requests have the internal port 0 */
};

/* A mapping that the daemon requests by itself (STATIC_MAPPINGS). */
struct static_mapping {
    uint32_t address;
    uint16_t internal_port;
    uint16_t external_port; /* to suggest; 0: the internal port */
    uint8_t protocol;       /* enum natpmp_protocol */
};

struct proxy_config {
    uint32_t gateway;        /* the gateway's address, from which no LAN request is accepted */
    uint32_t listen_address; /* 0: every address */
    char instance[INSTANCE_NAME_MAX + 1];
    char user[CREDENTIAL_MAX + 1];
    char password[CREDENTIAL_MAX + 1];
    char in_interface[INTERFACE_NAME_MAX + 1]; /* empty: the router reports it */
    char change_script[SCRIPT_NAME_MAX + 1];   /* of the router, run at each change; empty: none */
    uint16_t mappings_max;                     /* 1 .. MAPPINGS_MAX */
    uint16_t client_mappings_max;              /* 1 .. CLIENT_MAPPINGS_MAX */
    uint16_t router_changes_per_s;             /* 0 .. ROUTER_CHANGES_MAX; 0: as many as clients cause */
    uint16_t static_mappings; /* 0 .. STATIC_MAPPINGS_MAX, in this order when ports are short */
    struct static_mapping static_mapping[STATIC_MAPPINGS_MAX];
    enum lease_hold lease_hold;
    enum gateway_mode gateway_mode;
    enum log_level log_level;
};

/* The size of struct proxy in bytes. The caller provides and owns the memory, which must be zero and aligned
 * as by calloc. These are many megabytes of address space, of which only the used pages become resident. */
size_t proxy_size(void);

/* Copies *config. `seed` determines the random ports and delays: the same seed and events give the same
 * actions. */
void proxy_init(struct proxy *p, const struct proxy_config *config, uint64_t seed);

/* Handles one event and writes the resulting actions to *out, which is cleared first. It cannot fail. */
void proxy_step(struct proxy *p, const struct event *event, struct actions *out);

/* The time at which EVENT_DEADLINE is due if nothing else happens, never before the last event; UINT64_MAX:
 * never. */
uint64_t proxy_deadline_ms(const struct proxy *p);

/* For a further session of the same user; the caller keeps no copy. */
const char *proxy_password(const struct proxy *p);

/* True if the host has a mapping. */
bool proxy_knows(const struct proxy *p, uint32_t address);
