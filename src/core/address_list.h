/* The address lists of the router's firewall: their rows, and what the lists that matter to the NAT table
 * cover.
 *
 * Lists of strangers have thousands of addresses, and what matters is only whether a public address is among
 * them, or one of the tunnel's. So memory does not grow with the lists. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "core/cover.h"

/* The first and the last address of "10.0.0.0/8", "10.0.0.1" or "10.0.0.1-10.0.0.9". */
struct address_range {
    uint32_t first;
    uint32_t last;
};

extern const char address_list_proplist[];

/* A row of /ip/firewall/address-list/print. False: it is disabled, or no address, such as a name, whose
 * addresses have rows of their own. */
bool address_list_row(const struct ros_sentence *row, struct span *ret_list, struct address_range *ret_range);
struct address_range address_range_of(struct prefix prefix);
bool address_range_has(struct address_range range, uint32_t address);
bool address_ranges_meet(struct address_range a, struct address_range b);
/* True if a host on the internet can have an address of the range. */
bool address_range_is_public(struct address_range range);
/* How much of the addresses the range covers. Those of length 0 are the hosts on the internet. */
enum cover address_range_cover(struct address_range range, struct prefix addresses);

/* ---- the lists that rules of the NAT table name ---- */

struct named_list {
    char name[ADDRESS_LIST_NAME_MAX + 1];
    unsigned rows;
    bool too_large; /* it is not read again on this connection */
    uint8_t public; /* enum cover: of the hosts on the internet */
    uint8_t own;    /* one bit for each own address that is in it */
};

/* The memory must be zero. */
struct named_lists {
    bool read;
    unsigned count;
    struct named_list list[ADDRESS_LISTS_MAX];
    bool owns_incomplete;
    unsigned owns;
    uint32_t own_address[ADDRESS_LIST_OWN_MAX];
};

/* Notes the lists that the row names. True: one of them is new. */
bool named_lists_note(struct named_lists *l, const struct ros_sentence *row);
/* True if some are to be read. */
bool named_lists_wanted(const struct named_lists *l);
/* A reading begins, for the addresses of this interface. */
void named_lists_begin(struct named_lists *l, const struct nat_context *context);
void named_lists_write_query(const struct named_lists *l, struct writer *w);
void named_lists_row(struct named_lists *l, const struct ros_sentence *row);
void named_lists_end(struct named_lists *l, bool failed);
/* The connection ended: what was too large may have become smaller. */
void named_lists_down(struct named_lists *l);
/* A function of struct address_lists, whose state is the lists. */
enum cover named_lists_cover(const void *lists, struct span list, struct prefix addresses);
