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
    bool other_way = u->local != 0 && u->router_local != 0 && u->local != u->router_local;
    if (trouble == GATEWAY_FINE)
        actions_log(out, LOG_LEVEL_INFO, component, "the gateway answers");
    else if (trouble == GATEWAY_REFUSES)
        actions_log(out, LOG_LEVEL_WARN, component,
                    "the gateway tells no external address: %s; trying on result=%u",
                    refusal(u->trouble_result), (unsigned)u->trouble_result);
    else if (trouble == GATEWAY_SILENT && other_way)
        report_other_way(u, out);
    else if (trouble != GATEWAY_UNKNOWN)
        actions_log(out, LOG_LEVEL_WARN, component, "%s", gateway_trouble_text(trouble)->text);
}
