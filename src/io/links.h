/* The machine's own IPv4 addresses and the links they are on. */
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

/* The addresses in use now, at most `max`; 0 also if the kernel does not tell. */
unsigned links_list(struct link *ret_links, unsigned max);

/* Those of the `count` links that a service bound to `listen` (0: every address) announces itself on: the one
 * that holds the address; or else every private address of a multicast link that is up, but not the link of
 * `uplink` (our address towards the other side; 0: not known), unless there is no other. Returns how many
 * were written to ret_links, which has room for `count` and may be `links` itself. */
unsigned links_choose(const struct link *links, unsigned count, uint32_t listen, uint32_t uplink,
                      struct link *ret_links);
