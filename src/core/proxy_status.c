/* How the program is, in few words. The log has said more when it came about. */
#include "core/proxy_parts.h"

static const char *router_trouble(const struct router *r)
{
    const char *words = NULL;
    switch ((enum router_trouble)r->trouble) {
    case ROUTER_TROUBLE_NONE:
    case ROUTER_TROUBLE_COMMAND:
        break;
    case ROUTER_TROUBLE_SESSION:
        words = failure_text((enum failure)r->trouble_failure)->state;
        break;
    case ROUTER_TROUBLE_READ_POLICY:
        return "the API user may not read the router's tables";
    case ROUTER_TROUBLE_WRITE_POLICY:
        return "the API user may not change NAT rules";
    case ROUTER_TROUBLE_NO_INTERFACE:
        return "the router has no route to the gateway";
    }
    if (router_is_ready(r))
        return NULL;
    return words != NULL ? words : "the router is still being asked";
}

static const char *gateway_trouble(const struct upstream *u)
{
    switch ((enum gateway_trouble)u->trouble) {
    case GATEWAY_FINE:
        return NULL;
    case GATEWAY_UNKNOWN:
        return "the gateway is still being asked";
    case GATEWAY_SILENT:
        return "the gateway does not answer";
    case GATEWAY_TROUBLE_PORT_UNREACHABLE:
        return "the gateway refuses NAT-PMP";
    case GATEWAY_TROUBLE_NO_ROUTE:
        return "there is no route to the gateway";
    case GATEWAY_TROUBLE_NO_SOURCE:
        return "GATEWAY_SOURCE or GATEWAY_DEVICE cannot be used";
    case GATEWAY_TROUBLE_SEND_FAILED:
        return "nothing can be sent to the gateway";
    case GATEWAY_REFUSES:
        return "the gateway has no external address, or NAT-PMP is not allowed";
    }
    return NULL;
}

struct proxy_status proxy_status(const struct proxy *p, uint64_t now_ms)
{
    return (struct proxy_status){
        .router_trouble = router_trouble(&p->router),
        .gateway_trouble = gateway_trouble(&p->upstream),
        .external_address = p->upstream.address_known ? p->upstream.address : 0,
        .mappings = p->tables.live,
        .records = p->tables.records,
        .clients = p->tables.clients,
        .epoch_s = server_epoch_s(&p->server, now_ms),
        .dropped = p->server.dropped,
    };
}
