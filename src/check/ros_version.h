/* RouterOS versions, and what depends on them. */
#pragma once

#include <stdbool.h>

#include "base/span.h"

struct ros_version {
    unsigned major;
    unsigned minor;
};

/* "7.18.2 (stable)", "7.22rc4", "7.20"; false if it begins with no version. */
bool ros_version_parse(struct span text, struct ros_version *ret_version);
bool ros_version_is(struct ros_version version, unsigned major, unsigned minor); /* at least */

/* /ip/route/check: in RouterOS 6, and again since 7.18. */
bool ros_version_has_route_check(struct ros_version version);

/* The names that /container takes: they changed twice. */
enum container_dialect {
    CONTAINER_NONE, /* before 7.4 */
    CONTAINER_7_19, /* envs name=, envlist=, mounts name= */
    CONTAINER_7_20, /* envs list=, envlists=, mounts name= */
    CONTAINER_7_21, /* envs list=, envlists=, mounts list=, mountlists= */
};
enum container_dialect ros_version_dialect(struct ros_version version);
