/* Rows of the router's tables other than NAT, and what they tell about it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/nat_rule.h"

/* Cuts nothing: a name that is too long is left out, and the result is empty. */
void copy_interface(char name[INTERFACE_NAME_MAX + 1], struct span text);

/* The way to an address, where /ip/route/check cannot tell: the longest prefix of all rows seen so far. Zero
 * but for the target at first. */
struct route_choice {
    uint32_t target;
    struct prefix best;
    bool known;
    char interface[INTERFACE_NAME_MAX + 1]; /* empty: none */
};

/* The attributes that these look at, for .proplist. */
extern const char route_proplist[];
extern const char address_proplist[];

/* A row of /ip/route/print, of active routes only. */
void route_choice_route(struct route_choice *c, const struct ros_sentence *row);
/* A row of /ip/address/print: what is directly connected. */
void route_choice_address(struct route_choice *c, const struct ros_sentence *row);

/* A row of /ip/address/print; false if it is disabled or cannot be read. The interface is borrowed from the
 * row. */
bool address_row_parse(const struct ros_sentence *row, struct prefix *ret_prefix, struct span *ret_interface);

/* What surrounds context->interface: rows of /ip/address, /interface/list and /interface/list/member. */
void nat_context_add_address(struct nat_context *context, const struct ros_sentence *row);
void nat_context_add_list(struct nat_context *context, const struct ros_sentence *row);
void nat_context_add_member(struct nat_context *context, const struct ros_sentence *row);
