/* What this process may still ask the kernel for: a seccomp filter, after which nothing can be executed or
 * opened, whoever gets hold of the program. */
#pragma once

#include <stdint.h>

#include <linux/filter.h>

#include "base/attributes.h"

enum confine_more {
    /* Names are looked up: files are opened to read them, and a thread is made for it. */
    CONFINE_NAMES = 1 << 0,
    /* For the tests, in a build with sanitizers: what these ask for themselves, and whatever else the filter
     * does not know ends the process, so that it is noticed. */
    CONFINE_SANITIZED = 1 << 1,
};

enum { CONFINE_CODE_MAX = 512 };

/* For this thread and those that it makes from now on, for good. 0, or a negative errno: the kernel, or this
 * processor, has no such filter, and nothing has changed but that no program gains rights by being executed.
 */
nodiscard_ int confine(unsigned more);

/* The filter: how many instructions it has, 0 if it is not written for this processor. */
unsigned confine_code(unsigned more, struct sock_filter ret_code[CONFINE_CODE_MAX]);
