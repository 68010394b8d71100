/* An abstract Unix name belongs to the network namespace: it needs no directory and no permission, and
 * disappears with the process that has it. Every process in the namespace can use it, and another one may
 * have taken it before us. */
#pragma once

#include <assert.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

enum {
    ABSTRACT_NAME_MAX = 107, /* the room in sun_path behind the zero that makes the name abstract */
};

static inline socklen_t abstract_address(const char *name, struct sockaddr_un *ret_address)
{
    size_t len = strlen(name);
    assert(len <= ABSTRACT_NAME_MAX);
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(ret_address->sun_path + 1, name, len);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
}
