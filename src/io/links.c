#include "io/links.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

unsigned links_list(struct link *ret_links, unsigned max)
{
    struct ifaddrs *all;
    if (getifaddrs(&all) != 0) {
        return 0;
    }
    unsigned count = 0;
    for (const struct ifaddrs *one = all; one != NULL && count < max; one = one->ifa_next) {
        if (one->ifa_addr == NULL || one->ifa_addr->sa_family != AF_INET) {
            continue;
        }
        /* A further address may carry a label such as eth0:1, which is not the name of an interface. */
        char name[IF_NAMESIZE] = {0};
        size_t length = strcspn(one->ifa_name, ":");
        if (length >= sizeof(name)) {
            continue;
        }
        memcpy(name, one->ifa_name, length);
        struct sockaddr_in address;
        memcpy(&address, one->ifa_addr, sizeof(address));
        ret_links[count++] = (struct link){
            .interface = if_nametoindex(name),
            .address = ntohl(address.sin_addr.s_addr),
            .up = (one->ifa_flags & IFF_UP) != 0,
            .loopback = (one->ifa_flags & IFF_LOOPBACK) != 0,
            .multicast = (one->ifa_flags & IFF_MULTICAST) != 0,
        };
    }
    freeifaddrs(all);
    return count;
}

/* RFC 1918 and RFC 3927: what a LAN behind a NAT uses. 100.64.0.0/10 (RFC 6598) is a provider's side. */
static bool is_private(uint32_t address)
{
    return address >> 24 == 10 || address >> 20 == 0xAC1 || address >> 16 == 0xC0A8 ||
           address >> 16 == 0xA9FE;
}

static uint32_t interface_of(const struct link *links, unsigned count, uint32_t address)
{
    for (unsigned i = 0; i < count; i++) {
        if (links[i].address == address) {
            return links[i].interface;
        }
    }
    return 0;
}

unsigned links_choose(const struct link *links, unsigned count, uint32_t listen, uint32_t uplink,
                      struct link *ret_links)
{
    uint32_t avoid = uplink == 0 ? 0 : interface_of(links, count, uplink);
    struct link uplinks[LINKS_MAX];
    unsigned uplink_count = 0;
    unsigned chosen = 0;
    for (unsigned i = 0; i < count; i++) {
        struct link link = links[i];
        if (listen != 0) {
            if (link.address == listen) {
                ret_links[0] = link;
                return 1;
            }
        } else if (link.up && link.multicast && !link.loopback && is_private(link.address)) {
            if (link.interface != avoid) {
                ret_links[chosen++] = link;
            } else if (uplink_count < LINKS_MAX) {
                uplinks[uplink_count++] = link;
            }
        }
    }
    /* A container has one interface, to the LAN and to the gateway alike. */
    if (chosen == 0) {
        memcpy(ret_links, uplinks, uplink_count * sizeof(uplinks[0]));
        chosen = uplink_count;
    }
    return chosen;
}
