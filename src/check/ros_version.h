/* RouterOS versions, and what depends on them. */
#pragma once

#include <stdbool.h>

#include "base/span.h"

struct ros_version {
    unsigned major;
    unsigned minor;
};

/* Parses "7.18.2 (stable)", "7.22rc4", "7.20". False if the text does not begin with a version. */
bool ros_version_parse(struct span text, struct ros_version *ret_version);
bool ros_version_is(struct ros_version version, unsigned major, unsigned minor); /* at least */

/* RouterOS 6 has /ip/route/check, and RouterOS 7 has it since 7.18. */
bool ros_version_has_route_check(struct ros_version version);

/* The parameters of /container were renamed twice. */
enum container_dialect {
    CONTAINER_NONE, /* before 7.4 */
    CONTAINER_7_19, /* envs name=, envlist=, mounts name= */
    CONTAINER_7_20, /* envs list=, envlists=, mounts name= */
    CONTAINER_7_21, /* envs list=, envlists=, mounts list=, mountlists= */
};
enum container_dialect ros_version_dialect(struct ros_version version);
