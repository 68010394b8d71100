#include "check/finding.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *finding_name(enum finding_id id)
{
    static const char *const names[FINDINGS] = {
        [FINDING_API] = "api",
        [FINDING_LOGIN] = "login",
        [FINDING_POLICY_READ] = "policy-read",
        [FINDING_POLICY_WRITE] = "policy-write",
        [FINDING_POLICY_TEST] = "policy-test",
        [FINDING_VERSION] = "version",
        [FINDING_SERVICE] = "service",
        [FINDING_SERVICE_ADDRESS] = "service-address",
        [FINDING_SECOND_DAEMON] = "second-daemon",
        [FINDING_SCRIPT] = "change-script",
        [FINDING_INTERFACE] = "interface",
        [FINDING_INTERFACE_NOT_LAN] = "interface-not-lan",
        [FINDING_PEERS] = "wireguard-peers",
        [FINDING_SETTINGS] = "ip-settings",
        [FINDING_REDIRECT] = "redirect",
        [FINDING_REDIRECT_ORDER] = "redirect-order",
        [FINDING_REDIRECT_LAN] = "redirect-lan",
        [FINDING_CLIENTS_VISIBLE] = "clients-visible",
        [FINDING_CONTAINER_SUBNET] = "container-subnet",
        [FINDING_PORTS] = "ports",
        [FINDING_MAPPING_RULES] = "mapping-rules",
        [FINDING_ROUTER_NAT_PMP] = "router-nat-pmp",
        [FINDING_TRACKING] = "connection-tracking",
        [FINDING_FORWARD] = "forward",
        [FINDING_REQUEST] = "request-path",
        [FINDING_GATEWAY_PATH] = "gateway-path",
        [FINDING_SOURCE] = "gateway-source",
        [FINDING_RETURN] = "return-path",
        [FINDING_FASTTRACK] = "fasttrack",
        [FINDING_GATEWAY] = "gateway",
        [FINDING_GATEWAY_MAPPING] = "gateway-mapping",
        [FINDING_EXTERNAL_ADDRESS] = "external-address",
    };
    return names[id];
}

const char *finding_status_name(enum finding_status status)
{
    static const char *const names[] = {
        [FINDING_PASS] = "pass", [FINDING_WARN] = "warn", [FINDING_FAIL] = "fail"};
    return names[status];
}

struct finding *finding_add(struct findings *out, enum finding_id id, enum finding_status status,
                            const char *format, ...)
{
    assert(out->count < FINDINGS);
    struct finding *finding = &out->at[out->count++];
    finding->id = (uint8_t)id;
    finding->status = (uint8_t)status;
    finding->cure[0] = '\0';
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(finding->what, sizeof(finding->what), format, arguments);
    va_end(arguments);
    return finding;
}

/* Of the last command, if it adds something: by the comment, the owner and `setup --remove` know whose it is.
 */
printf_(2, 0) static void format_cure(char text[FINDING_CURE_MAX], const char *format, va_list arguments)
{
    static const char comment[] = " comment=\"double-natpmp: check\"";
    int len = vsnprintf(text, FINDING_CURE_MAX, format, arguments);
    const char *last = strrchr(text, ';');
    last = last != NULL ? last + 2 : text;
    bool adds = last[0] == '/' && strstr(last, "add ") != NULL && strstr(last, "comment=") == NULL;
    if (len < 0 || (size_t)len + (adds ? sizeof(comment) : 1) > FINDING_CURE_MAX)
        text[0] = '\0';
    else if (adds)
        memcpy(text + len, comment, sizeof(comment));
}

void finding_cure(struct finding *finding, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    format_cure(finding->cure, format, arguments);
    va_end(arguments);
}

bool finding_cure_add(struct finding *finding, const char *format, ...)
{
    char command[FINDING_CURE_MAX];
    size_t used = strlen(finding->cure);
    va_list arguments;
    va_start(arguments, format);
    format_cure(command, format, arguments);
    va_end(arguments);
    int len =
        snprintf(finding->cure + used, sizeof(finding->cure) - used, "%s%s", used > 0 ? "; " : "", command);
    if (command[0] == '\0' || len < 0 || (size_t)len >= sizeof(finding->cure) - used)
        finding->cure[0] = '\0';
    return finding->cure[0] != '\0';
}
