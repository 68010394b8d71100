/* Hosts on the LAN that speak NAT-PMP: some follow RFC 6886, some renew late, and some break the rules.
 *
 * A client that behaves well repeats a request after 250 ms and then after twice the last pause, nine
 * datagrams in all, and renews at half of the granted lifetime. It checks what it gets, and fails the run
 * when an answer cannot belong to its request. A late client renews on a clock of its own, as many programs
 * do. A liar never waits and never checks. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"
#include "base/span.h"

enum {
    LAN_CLIENTS_MAX = 64,
    LAN_MAPPINGS_MAX = 24,
    LAN_ATTEMPTS_MAX = 9,
};

enum lan_behaviour {
    LAN_GOOD,
    LAN_LATE,
    LAN_LIAR,
};

enum lan_state {
    LAN_UNUSED,
    LAN_ASKING,   /* a request or a renewal is in work */
    LAN_HELD,     /* until granted_ms + granted_s */
    LAN_REFUSED,  /* an error came; the client requests again later */
    LAN_NO_REPLY, /* nine datagrams without an answer; the client requests again later */
    LAN_DELETING,
};

struct lan_mapping {
    enum lan_state state;
    bool tcp;
    uint16_t internal_port;
    uint16_t suggested; /* 0, the suggestion, and later the granted port */
    uint16_t source_port;
    uint32_t lifetime_s;
    uint32_t lifetime_before_s; /* of the last request, whose answer may still be under way */
    unsigned attempts;
    uint64_t next_ms;
    uint16_t external_port;
    uint32_t granted_s;
    uint64_t granted_ms;
    uint16_t result; /* of the last answer */
    unsigned answers;
};

struct lan_client {
    uint32_t address;
    enum lan_behaviour behaviour;
    bool gone; /* switched off: neither sends nor receives */
    struct lan_mapping mappings[LAN_MAPPINGS_MAX];
    unsigned used; /* of them; all behind have never been used */
    bool asked_address;
    uint16_t address_port;
    unsigned address_attempts;
    uint64_t address_next_ms;
    uint32_t external_address;
    uint16_t address_result;
    unsigned address_answers;
    unsigned announcements;
    bool has_epoch;
    uint32_t epoch_s;
    uint64_t epoch_ms;
};

struct lan_endpoint {
    uint32_t address;
    uint16_t port;
};

struct lan_callbacks {
    void *context;
    void (*send)(void *context, struct lan_endpoint from, struct span datagram);
    void (*fail)(void *context, const char *what, uint32_t client, struct span datagram);
    /* The client concluded that the server lost its state. False: that cannot be true. */
    bool (*reset_is_due)(void *context, uint64_t last_heard_ms);
};

struct lan_model {
    struct lan_callbacks callbacks;
    struct prng prng;
    struct lan_client clients[LAN_CLIENTS_MAX];
    unsigned count;
    uint32_t server; /* the server's address */
    bool deaf;       /* multicast does not reach the clients, because the daemon is in another network */
    uint64_t retry_refused_ms;
    uint64_t late_renewal_ms;
};

void lan_init(struct lan_model *lan, uint32_t server, const struct lan_callbacks *callbacks, uint64_t seed);
struct lan_client *lan_add(struct lan_model *lan, uint32_t address, enum lan_behaviour behaviour);

/* Starts a request for a mapping, or a renewal if the mapping exists. NULL: no room. */
struct lan_mapping *lan_map(struct lan_model *lan, uint64_t now_ms, struct lan_client *client, bool tcp,
                            uint16_t internal_port, uint16_t suggested, uint32_t lifetime_s);
struct lan_mapping *lan_find(struct lan_client *client, bool tcp, uint16_t internal_port);
void lan_unmap(struct lan_model *lan, uint64_t now_ms, struct lan_client *client,
               struct lan_mapping *mapping);
/* A deletion of all mappings of one protocol: internal port 0, lifetime 0. It is one datagram without a
 * retransmission. */
void lan_unmap_all(struct lan_model *lan, struct lan_client *client, bool tcp);
void lan_ask_address(struct lan_model *lan, uint64_t now_ms, struct lan_client *client);
/* One datagram with these bytes, without a retransmission. */
void lan_send_map(struct lan_model *lan, uint32_t address, uint16_t source_port, bool tcp,
                  uint16_t internal_port, uint16_t suggested, uint32_t lifetime_s);
void lan_send_raw(struct lan_model *lan, uint32_t address, uint16_t source_port, struct span datagram);
/* The client is switched off and sends nothing any more. */
void lan_vanish(struct lan_client *client);
/* A datagram with a random mistake. */
void lan_send_garbage(struct lan_model *lan, struct lan_client *client);

void lan_receive(struct lan_model *lan, uint64_t now_ms, struct lan_endpoint to, uint32_t from,
                 struct span datagram);
void lan_announced(struct lan_model *lan, uint64_t now_ms, struct span datagram);
uint64_t lan_next_ms(const struct lan_model *lan);
void lan_run(struct lan_model *lan, uint64_t now_ms);
