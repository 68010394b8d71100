#include "io/links.h"

#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address_use.h"

/* Describes the interface that has an address; false if it was removed meanwhile. */
static bool describe(int fd, const struct ifreq *one, struct link *ret_link)
{
    struct sockaddr_in address;
    struct ifreq request = {0};
    memcpy(&address, &one->ifr_addr, sizeof(address));
    /* An additional address may have a label such as eth0:1, which is not the name of an interface. */
    size_t length = strcspn(one->ifr_name, ":");
    memcpy(request.ifr_name, one->ifr_name, length);
    if (ioctl(fd, SIOCGIFINDEX, &request) != 0)
        return false;
    int interface = request.ifr_ifindex;
    if (ioctl(fd, SIOCGIFFLAGS, &request) != 0)
        return false;
    *ret_link = (struct link){
        .interface = (uint32_t)interface,
        .address = ntohl(address.sin_addr.s_addr),
        .up = (request.ifr_flags & IFF_UP) != 0,
        .loopback = (request.ifr_flags & IFF_LOOPBACK) != 0,
        .multicast = (request.ifr_flags & IFF_MULTICAST) != 0,
    };
    return true;
}

/* ioctl() is used because getifaddrs() allocates memory and opens a netlink socket for the same answer. */
unsigned links_list(struct link *ret_links, unsigned max)
{
    struct ifreq found[LINKS_MAX];
    struct ifconf request = {.ifc_len = sizeof(found), .ifc_req = found};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return 0;
    unsigned count = 0;
    if (ioctl(fd, SIOCGIFCONF, &request) == 0) {
        size_t addresses = (size_t)request.ifc_len / sizeof(found[0]);
        for (size_t i = 0; i < addresses && count < max; i++)
            count += describe(fd, &found[i], &ret_links[count]);
    }
    (void)close(fd);
    return count;
}

static uint32_t interface_of(const struct link *links, unsigned count, uint32_t address)
{
    for (unsigned i = 0; i < count; i++)
        if (links[i].address == address)
            return links[i].interface;
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
        } else if (link.up && link.multicast && !link.loopback && address_is_of_lan(link.address)) {
            if (link.interface != avoid)
                ret_links[chosen++] = link;
            else if (uplink_count < LINKS_MAX)
                uplinks[uplink_count++] = link;
        }
    }
    /* A container has one interface, which leads to the LAN and to the gateway. */
    if (chosen == 0) {
        memcpy(ret_links, uplinks, uplink_count * sizeof(uplinks[0]));
        chosen = uplink_count;
    }
    return chosen;
}
