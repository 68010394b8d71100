/* Logs what is wrong with the gateway, with the likely cause and the remedy, once when it changes. */
#include "base/address_use.h"
#include "core/upstream.h"

static const char component[] = "gateway";

static void report_impossible(uint32_t address, struct actions *out)
{
    actions_log_state(out, LOG_LEVEL_WARN, component,
                      "%s: what it reports is %s; retrying address=%s fix=\"" FAILURE_CHANGE_SERVER "\"",
                      gateway_trouble_text(GATEWAY_REFUSES)->state, address_use(address),
                      address_text(address).text);
}

/* Logs why the gateway gives no external address, as its result code says (RFC 6886 section 3.5). */
static void report_no_address(uint16_t result, struct actions *out)
{
    const char *cause = "it reports an error";
    const char *remedy = FAILURE_CHANGE_SERVER;
    switch ((enum natpmp_result)result) {
    case NATPMP_SUCCESS:
        cause = "it reports 0.0.0.0, so its own connection to the internet is down";
        break;
    case NATPMP_UNSUPPORTED_VERSION:
    case NATPMP_UNSUPPORTED_OPCODE:
        break; /* gateway_trouble_text says it all */
    case NATPMP_NOT_AUTHORIZED:
        cause = "it does not authorize this client";
        remedy = FAILURE_GET_AUTHORIZED;
        break;
    case NATPMP_NETWORK_FAILURE:
        cause = "its own network failed";
        break;
    case NATPMP_OUT_OF_RESOURCES:
        break;
    }
    actions_log_state(out, LOG_LEVEL_WARN, component, "%s: %s; retrying result=%u fix=\"%s\"",
                      gateway_trouble_text(GATEWAY_REFUSES)->state, cause, (unsigned)result, remedy);
}

/* Requests to the gateway should leave through the router, as the API connection does, because the tunnel
 * begins there. */
static void report_other_way(const struct upstream *u, struct actions *out)
{
    actions_log_state(out, LOG_LEVEL_WARN, component,
                      "%s: requests to it do not leave through the router; retrying from=%s router_from=%s "
                      "fix=\"route VPN_GATEWAY through the router, or set GATEWAY_SOURCE or GATEWAY_DEVICE\"",
                      gateway_trouble_text(GATEWAY_SILENT)->state, address_text(u->local).text,
                      address_text(u->router_local).text);
}

void upstream_report(struct upstream *u, enum gateway_trouble trouble, struct actions *out)
{
    if (u->trouble == (uint8_t)trouble)
        return;
    u->trouble = (uint8_t)trouble;
    bool other_way = u->local != 0 && u->router_local != 0 && u->local != u->router_local;
    if (trouble == GATEWAY_FINE)
        actions_log_state(out, LOG_LEVEL_INFO, component, "the gateway answers");
    else if (trouble == GATEWAY_REFUSES && u->trouble_address != 0)
        report_impossible(u->trouble_address, out);
    else if (trouble == GATEWAY_REFUSES)
        report_no_address(u->trouble_result, out);
    else if (trouble == GATEWAY_NO_NAT_PMP)
        actions_log_state(out, LOG_LEVEL_WARN, component, "%s; retrying result=%u fix=\"%s\"",
                          gateway_trouble_text(trouble)->state, (unsigned)u->trouble_result,
                          gateway_trouble_text(trouble)->remedy);
    else if (trouble == GATEWAY_SILENT && other_way)
        report_other_way(u, out);
    else if (trouble != GATEWAY_UNKNOWN)
        actions_log_failure(out, component, gateway_trouble_text(trouble));
}
