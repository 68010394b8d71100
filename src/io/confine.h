/* A seccomp filter: from then on this process can neither execute a program nor open a file, even if an
 * attacker takes it over. */
#pragma once

#include <stdint.h>

#include <linux/filter.h>

#include "base/attributes.h"

enum confine_more {
    /* Host names are looked up: the resolver opens files to read them, and libuv makes a thread for it. */
    CONFINE_NAMES = 1 << 0,
    /* For the tests, in a build with sanitizers: allows what these need, and kills the process at any other
     * call that the filter does not know, so that a test notices. */
    CONFINE_SANITIZED = 1 << 1,
    /* The status page is open. */
    CONFINE_CLIENTS = 1 << 2,
};

enum { CONFINE_CODE_MAX = 512 };

/* Confines this thread and all threads that it makes, for good. Returns 0, or a negative errno if the kernel
 * or this processor has no such filter; then the only change is that executing a program cannot give new
 * rights. */
nodiscard_ int confine(unsigned more);

/* Writes the filter and returns the number of its instructions; 0 if there is none for this processor. */
unsigned confine_code(unsigned more, struct sock_filter ret_code[CONFINE_CODE_MAX]);
