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

/* The attributes that these functions read, for .proplist. */
extern const char route_proplist[];
extern const char address_proplist[];

/* A row of /ip/route/print, of active routes only. */
void route_choice_route(struct route_choice *c, const struct ros_sentence *row);
/* A row of /ip/address/print: a directly connected subnet. */
void route_choice_address(struct route_choice *c, const struct ros_sentence *row);

/* A row of /ip/address/print; false if it is disabled or invalid. *ret_interface points into the row. */
bool address_row_parse(const struct ros_sentence *row, struct prefix *ret_prefix, struct span *ret_interface);

/* A row of /interface/print for context->interface. */
void nat_context_set_type(struct nat_context *context, const struct ros_sentence *row);
/* Rows of /ip/address, /interface/list and /interface/list/member that concern context->interface. */
void nat_context_add_address(struct nat_context *context, const struct ros_sentence *row);
void nat_context_add_list(struct nat_context *context, const struct ros_sentence *row);
void nat_context_add_member(struct nat_context *context, const struct ros_sentence *row);
