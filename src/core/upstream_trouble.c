/* What is wrong with the gateway, in words, with the likely cause and the cure; once, when it changes. */
#include "core/upstream.h"

static const char component[] = "gateway";

void upstream_report(struct upstream *u, enum gateway_trouble trouble, struct actions *out)
{
    if (u->trouble == (uint8_t)trouble)
        return;
    u->trouble = (uint8_t)trouble;
    const char *text = "";
    switch (trouble) {
    case GATEWAY_UNKNOWN:
        return;
    case GATEWAY_FINE:
        actions_log(out, LOG_LEVEL_INFO, component, "the gateway answers");
        return;
    case GATEWAY_SILENT:
        text = "the gateway does not answer; check that the tunnel is up, that VPN_GATEWAY is right and that "
               "its "
               "traffic leaves through the tunnel; trying on";
        break;
    case GATEWAY_TROUBLE_PORT_UNREACHABLE:
        text = "the gateway refuses NAT-PMP (port unreachable); with ProtonVPN: make the key with NAT-PMP "
               "enabled, "
               "choose a P2P server; trying on";
        break;
    case GATEWAY_TROUBLE_NO_ROUTE:
        text = "no route to the gateway; is the tunnel up? trying on";
        break;
    case GATEWAY_TROUBLE_NO_SOURCE:
        text =
            "this machine does not have the address or the interface that GATEWAY_SOURCE or GATEWAY_DEVICE "
            "names (yet); is the tunnel up? trying on";
        break;
    case GATEWAY_TROUBLE_SEND_FAILED:
        text = "cannot send to the gateway; a local firewall may forbid it; trying on";
        break;
    case GATEWAY_REFUSES:
        actions_log(
            out, LOG_LEVEL_WARN, component,
            "the gateway answers the address request with an error: it has no external address or NAT-PMP "
            "is not allowed for us; trying on result=%u",
            (unsigned)u->trouble_result);
        return;
    }
    actions_log(out, LOG_LEVEL_WARN, component, "%s", text);
}
