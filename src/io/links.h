/* This machine's IPv4 addresses and the interfaces that have them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { LINKS_MAX = 64 };

struct link {
    uint32_t interface; /* kernel index */
    uint32_t address;   /* host byte order, as everywhere */
    bool up;
    bool loopback;
    bool multicast;
};

/* Lists at most `max` addresses; returns 0 if there are none or the kernel does not list them. */
unsigned links_list(struct link *ret_links, unsigned max);

/* Chooses the links on which a service that is bound to `listen` (0: to every address) sends its
 * announcements. If `listen` is an address, the link that has it. Otherwise all private addresses of
 * multicast links that are up; the link of `uplink` (our address towards the gateway; 0: unknown) only if
 * there is no other. Returns the number of links written to ret_links, which has room for `count` and may be
 * `links` itself. */
unsigned links_choose(const struct link *links, unsigned count, uint32_t listen, uint32_t uplink,
                      struct link *ret_links);
