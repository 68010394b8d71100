/* What is wrong with the gateway, in words, with the likely cause and the cure; once, when it changes. */
#include "core/upstream.h"

static const char component[] = "gateway";

/* Why it does not tell its address, by RFC 6886 section 3.5. */
static const char *refusal(uint16_t result)
{
    switch ((enum natpmp_result)result) {
    case NATPMP_SUCCESS:
        return "it says 0.0.0.0, so its own connection to the internet is down; take another server if it "
               "lasts";
    case NATPMP_UNSUPPORTED_VERSION:
    case NATPMP_UNSUPPORTED_OPCODE:
        return "it does not speak NAT-PMP; check that VPN_GATEWAY is the VPN's gateway and that the provider "
               "offers NAT-PMP";
    case NATPMP_NOT_AUTHORIZED:
        return "we are not authorized; with ProtonVPN: a paid plan, a key made with NAT-PMP enabled, a P2P "
               "server";
    case NATPMP_NETWORK_FAILURE:
        return "its own network has failed; take another server if it lasts";
    case NATPMP_OUT_OF_RESOURCES:
        break;
    }
    return "it is in trouble; take another server if it lasts";
}

/* The API connection goes to the router; requests to the gateway should go the same way, and on through the
 * tunnel. */
static void report_other_way(const struct upstream *u, struct actions *out)
{
    actions_log(
        out, LOG_LEVEL_WARN, component,
        "the gateway does not answer, and our requests leave by another way than to the router: another VPN "
        "or route of this machine takes them; send VPN_GATEWAY to the router, or set GATEWAY_SOURCE or "
        "GATEWAY_DEVICE; trying on from=%s router_from=%s",
        address_text(u->local).text, address_text(u->router_local).text);
}

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
        if (u->local != 0 && u->router_local != 0 && u->local != u->router_local) {
            report_other_way(u, out);
            return;
        }
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
        actions_log(out, LOG_LEVEL_WARN, component,
                    "the gateway tells no external address: %s; trying on result=%u",
                    refusal(u->trouble_result), (unsigned)u->trouble_result);
        return;
    }
    actions_log(out, LOG_LEVEL_WARN, component, "%s", text);
}
