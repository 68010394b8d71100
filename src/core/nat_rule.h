/* One row of the router's /ip/firewall/nat: is it ours, and if not, which ports does it take from us?
 *
 * Our rules are known by their comment. It is made for people (WinBox shows it) and holds what a restart
 * needs and the rule itself does not say: "double-natpmp/<instance> external <port|pending> lease <seconds>
 * s". */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/portset.h"
#include "core/event.h"
#include "wire/natpmp.h"
#include "wire/routeros.h"

/* Is our interface a member of an interface list? Lists with include or exclude are not taken apart: maybe.
 */
struct interface_list {
    char name[INTERFACE_NAME_MAX + 1];
    bool member;
    bool composed;
};

struct prefix {
    uint32_t address;
    uint8_t length;
};

/* What is known of the router where a packet from the gateway comes in. */
struct nat_context {
    const char *instance;
    char interface[INTERFACE_NAME_MAX + 1];
    /* The router's own addresses, and which of them stand on the interface. */
    uint32_t address[ROUTER_ADDRESSES_MAX];
    bool on_interface[ROUTER_ADDRESSES_MAX];
    unsigned addresses;
    bool addresses_incomplete;
    struct interface_list list[ROUTER_LISTS_MAX];
    unsigned lists;
    bool lists_incomplete;
};

/* The attributes that nat_rule_parse looks at, for .proplist. */
extern const char nat_rule_proplist[];

struct nat_rule {
    uint32_t id;    /* 0: unreadable */
    bool partial;   /* not a whole row: some routers send only what changed */
    bool only_ours; /* a partial row that shows nothing but what we change ourselves, and counters */
    bool ours;      /* carries our mark and is not dynamic */

    /* of ours only */
    bool sound;           /* says one protocol, one router port, one client and its port */
    bool as_wanted;       /* in force as we would write it today */
    bool comment_current; /* the comment has today's form */
    enum natpmp_protocol protocol;
    uint16_t router_port;
    uint32_t client;
    uint16_t internal_port;
    uint16_t external_port; /* 0: was not known when the comment was written */
    uint32_t lease_s;       /* 0: the comment does not say */
};

struct nat_rule nat_rule_parse(const struct ros_sentence *row, const struct nat_context *context);

/* Adds the ports that this (foreign) row could take from packets that arrive on the interface: enabled
 * dst-nat, redirect and netmap rules of any chain that destination NAT can reach. What cannot be read counts
 * as matching. True if it takes any. */
bool nat_rule_take_ports(const struct ros_sentence *row, const struct nat_context *context,
                         struct portset taken[2]);

/* Writes the comment of a rule. external_port 0: pending. */
void nat_rule_write_comment(struct writer *w, const char *instance, uint16_t external_port, uint32_t lease_s);

/* A rule that `double-natpmp check` makes to see whether it may. It begins with the instance's mark for
 * whoever reads it, but has not the form of a mapping's rule: the daemon leaves it alone. */
void nat_rule_write_trial_comment(struct writer *w, const char *instance);
bool nat_rule_is_trial(const struct ros_sentence *row, const char *instance);

/* ---- single matchers, for whoever judges rules of other kinds ---- */

enum match {
    MATCH_NO,
    MATCH_MAYBE,
    MATCH_YES,
};

/* Of a name without '!': the interface, or one of its kind; a list that the interface is in. */
enum match nat_match_interface(const struct nat_context *context, struct span name);
enum match nat_match_list(const struct nat_context *context, struct span name);
/* True if packets of the protocol pass the row's matcher, which may be missing. */
bool nat_match_protocol(const struct ros_sentence *row, enum natpmp_protocol protocol);
/* A comma list of ports and ranges, without '!'; false if it cannot be read. */
bool parse_ports(struct span text, struct portset *ret_set);

/* "10.2.0.2/32" or a plain address. */
bool parse_prefix(struct span text, struct prefix *ret_prefix);
bool prefix_has(const struct prefix *prefix, uint32_t address);
/* The list of that name; NULL if it is not known. */
struct interface_list *nat_context_list(struct nat_context *context, struct span name);
