/* One row of the router's /ip/firewall/nat: is it ours?
 *
 * We recognize our rules by their comment. WinBox shows it, so people must be able to read it; and it stores
 * what a restart needs to know and the rule itself does not contain: "double-natpmp/<instance> external
 * <port|pending> lease <seconds> s". */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/portset.h"
#include "core/event.h"
#include "wire/natpmp.h"
#include "wire/routeros.h"

/* Whether our interface is a member of an interface list, by itself or by other lists: first the members of
 * included lists are added, then those of excluded ones are taken away, then its own are added. */
struct interface_list {
    char name[INTERFACE_NAME_MAX + 1];
    bool member; /* of its own */
    bool composed;
    uint32_t includes; /* one bit for each list of the context, also below */
    uint32_t excludes;
};

struct prefix {
    uint32_t address;
    uint8_t length;
};

/* What we know about the router's interface at which packets from the gateway arrive. */
struct nat_context {
    const char *instance;
    char interface[INTERFACE_NAME_MAX + 1];
    char type[INTERFACE_TYPE_MAX + 1]; /* "wg", "pppoe-out" ...; empty: unknown */
    /* The router's addresses, and which of them are on this interface. */
    uint32_t address[ROUTER_ADDRESSES_MAX];
    uint8_t length[ROUTER_ADDRESSES_MAX]; /* of their networks' prefixes */
    bool on_interface[ROUTER_ADDRESSES_MAX];
    unsigned addresses;
    bool addresses_incomplete;
    struct interface_list list[ROUTER_LISTS_MAX];
    unsigned lists;
    bool lists_incomplete;
};

/* The attributes that nat_rule_parse and nat_counters_parse read, for .proplist. */
extern const char nat_rule_proplist[];

/* What a rule has counted since it was added, or since the router's start: the first packet of each
 * connection, because a rule of the NAT table sees no others. */
struct nat_counters {
    bool known; /* the row has both */
    uint32_t packets;
    uint64_t bytes;
};
struct nat_counters nat_counters_parse(const struct ros_sentence *row);

struct nat_rule {
    uint32_t id;    /* 0: unreadable */
    bool partial;   /* an incomplete row: some versions send only the attributes that changed */
    bool only_ours; /* a partial row with only our comment and counters */
    bool ours;      /* carries our mark and is not dynamic */

    /* If it is ours: */
    bool sound;     /* it has one protocol, one router port, one client and one internal port */
    bool as_wanted; /* sound, enabled, and with the matchers that we would write today */
    bool outdated;  /* sound and enabled, but for another interface or address than we would write today */
    bool elsewhere; /* outdated, and the interface is another one */
    bool invalid;   /* sound, but it forwards nothing: its interface is gone, or disabled */
    bool comment_current; /* the comment has the form that we would write today */
    enum natpmp_protocol protocol;
    uint16_t router_port;
    uint32_t client;
    uint16_t internal_port;
    uint16_t external_port; /* 0: it was unknown when the comment was written */
    uint32_t lease_s;       /* 0: the comment does not contain it */
};

struct nat_rule nat_rule_parse(const struct ros_sentence *row, const struct nat_context *context);

/* The rule of a daemon with another INSTANCE. */
bool nat_rule_is_of_another(const struct ros_sentence *row, const char *instance, struct span *ret_instance);

/* Writes the comment of a rule. external_port 0: pending. */
void nat_rule_write_comment(struct writer *w, const char *instance, uint16_t external_port, uint32_t lease_s);

/* The comment of the rule by which `double-natpmp check` tests the policy write. It begins with our mark, so
 * that people recognize it, but it does not have the form of a mapping's comment, so the daemon ignores the
 * rule. */
void nat_rule_write_trial_comment(struct writer *w, const char *instance);
bool nat_rule_is_trial(const struct ros_sentence *row, const char *instance);

/* ---- what it refers to ---- */

/* Ports and ranges, separated by commas, without '!'; false if the text is invalid. */
bool parse_ports(struct span text, struct portset *ret_set);
/* "10.2.0.2/32" or a plain address. */
bool parse_prefix(struct span text, struct prefix *ret_prefix);
bool prefix_has(const struct prefix *prefix, uint32_t address);
/* The router's address on the interface; 0: it has none, or several, or its addresses are unknown. */
uint32_t nat_context_own_address(const struct nat_context *context);
/* The list with that name; NULL: unknown. */
struct interface_list *nat_context_list(struct nat_context *context, struct span name);
