/* Rows of the router's tables other than NAT: routes, addresses, interface lists. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/nat_rule.h"

/* A name that is too long is not cut: the result is empty. */
void copy_interface(char name[INTERFACE_NAME_MAX + 1], struct span text);

/* The route to an address, for routers without /ip/route/check: the longest matching prefix of all rows so
 * far. Initialize it to zero with the target set. */
struct route_choice {
    uint32_t target;
    struct span table; /* empty: main */
    uint8_t shortest;  /* a shorter prefix does not count */
    struct prefix best;
    bool known;
    char interface[INTERFACE_NAME_MAX + 1]; /* empty: none */
};

/* Some interfaces, each name once. */
struct interface_names {
    unsigned count;
    bool incomplete; /* there was no room for all of them */
    char name[ROUTER_TUNNELS_MAX][INTERFACE_NAME_MAX + 1];
};
bool interface_names_have(const struct interface_names *names, const char *name);
void interface_names_add(struct interface_names *names, struct span name);

/* A connection of UDP through the router, as far as it shows the way of our packets. */
struct flow {
    bool known;
    bool ours;         /* it comes from our own address */
    bool replied;      /* an answer came back */
    bool divided;      /* the source's connections show two ways; an older one may be of an earlier process */
    uint32_t left_s;   /* until the router forgets it */
    uint32_t source;   /* whose packets these are ... */
    uint32_t reply_to; /* ... and the address to which the answers come: the source's, or what replaces it */
};

/* The attributes that these functions read, for .proplist. */
extern const char route_proplist[];
extern const char address_proplist[];
extern const char flow_proplist[];
extern const char tunnel_proplist[];

/* An end of a connection: "10.2.0.1", or "10.2.0.1:5351" in one word. Port 0: it is not in the word. */
void flow_end_write(struct writer *w, const char *name, uint32_t address, uint16_t port);
bool flow_end_parse(struct span text, uint32_t *ret_address, uint64_t *ret_port);
/* Writes the query words for the connections to that address and port. Older versions print address:port in
 * one word. */
void flow_write_query(struct writer *w, uint32_t address, uint16_t port);
/* A row of /ip/firewall/connection/print. Keeps the connection that shows most: ours before others', one that
 * is answered before one that is not, and the one that was used last. */
void flow_consider(struct flow *f, const struct ros_sentence *row, uint32_t address, uint16_t port,
                   uint32_t own_address);
/* Writes the query words for the interfaces that are tunnels. The link to the internet (PPPoE, LTE ...) is
 * none. */
void tunnel_write_query(struct writer *w);
/* A row of /interface/print: adds the interface if it is a tunnel. */
void interface_names_add_tunnel(struct interface_names *names, const struct ros_sentence *row);

/* A row of /ip/route/print, of active routes only. */
void route_choice_route(struct route_choice *c, const struct ros_sentence *row);
/* A row of /ip/address/print: a directly connected subnet. */
void route_choice_address(struct route_choice *c, const struct ros_sentence *row);

/* A row of /ip/address/print; false if it is disabled or invalid. *ret_interface points into the row. */
bool address_row_parse(const struct ros_sentence *row, struct prefix *ret_prefix, struct span *ret_interface);

/* True if the row of /ip/service/print is a live connection: since 7.19 these have rows under the name of
 * their service, in any order. */
bool service_row_is_connection(const struct ros_sentence *row);
/* A row of /ip/service/print or /interface/wireguard/print: the port on which the router listens; 0: on none.
 */
extern const char listener_proplist[];
uint16_t listener_port(const struct ros_sentence *row);

/* A row of /interface/print for context->interface. */
void nat_context_set_type(struct nat_context *context, const struct ros_sentence *row);
/* Rows of /ip/address, /interface/list and /interface/list/member that concern context->interface. */
void nat_context_add_address(struct nat_context *context, const struct ros_sentence *row);
/* The interface has no address as far as the rows show, and no other one has this: it is the interface's. */
bool nat_context_assume_address(struct nat_context *context, uint32_t address);
void nat_context_add_list(struct nat_context *context, const struct ros_sentence *row);
void nat_context_add_member(struct nat_context *context, const struct ros_sentence *row);
