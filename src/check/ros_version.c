#include "check/ros_version.h"

#include "base/cursor.h"

/* Takes the digits at the front of *text. */
static bool take_number(struct span *text, unsigned *ret_number)
{
    size_t len = 0;
    uint64_t value;
    while (len < text->len && text->data[len] >= '0' && text->data[len] <= '9')
        len++;
    if (!parse_decimal(span_of(text->data, len), 9999, &value))
        return false;
    *text = span_skip(*text, len);
    *ret_number = (unsigned)value;
    return true;
}

bool ros_version_parse(struct span text, struct ros_version *ret_version)
{
    struct ros_version version;
    if (!take_number(&text, &version.major) || !span_starts(text, "."))
        return false;
    text = span_skip(text, 1);
    if (!take_number(&text, &version.minor))
        return false;
    *ret_version = version;
    return true;
}

bool ros_version_is(struct ros_version version, unsigned major, unsigned minor)
{
    return version.major > major || (version.major == major && version.minor >= minor);
}

bool ros_version_has_route_check(struct ros_version version)
{
    return version.major == 6 || ros_version_is(version, 7, 18);
}

enum container_dialect ros_version_dialect(struct ros_version version)
{
    if (!ros_version_is(version, 7, 4))
        return CONTAINER_NONE;
    if (!ros_version_is(version, 7, 20))
        return CONTAINER_7_19;
    return ros_version_is(version, 7, 21) ? CONTAINER_7_21 : CONTAINER_7_20;
}
