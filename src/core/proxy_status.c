/* How the program is, in few words. The log has said more when it came about. */
#include "core/proxy_state.h"

/* NULL: nothing has failed yet. */
static const char *session_trouble(enum session_failure failure)
{
    switch (failure) {
    case SESSION_FAILURE_NONE:
        return NULL;
    case SESSION_FAILURE_RESOLVE:
        return "the router's name cannot be resolved";
    case SESSION_FAILURE_REFUSED:
        return "the router refuses API connections";
    case SESSION_FAILURE_UNREACHABLE:
        return "the router cannot be reached";
    case SESSION_FAILURE_TIMEOUT:
        return "the router does not answer API connections";
    case SESSION_FAILURE_HERE:
        return "no connection to the router can be opened from here";
    case SESSION_FAILURE_SILENT_LOGIN:
        return "the router does not answer the login";
    case SESSION_FAILURE_LOGIN:
        return "the router refuses the login";
    case SESSION_FAILURE_SILENT:
        return "the router stopped answering";
    case SESSION_FAILURE_LOST:
        return "the connection to the router was lost";
    case SESSION_FAILURE_PROTOCOL:
        return "what answers at MIKROTIK_API_ADDRESS does not speak the RouterOS API";
    case SESSION_FAILURE_TLS_REFUSED:
        return "the router refuses TLS";
    case SESSION_FAILURE_TLS_UNTRUSTED:
        return "the router's certificate is from no CA that is trusted";
    case SESSION_FAILURE_TLS_OUTDATED:
        return "the router's certificate is expired or not yet valid";
    case SESSION_FAILURE_TLS_WRONG_NAME:
        return "the router's certificate is for another name";
    case SESSION_FAILURE_TLS_WRONG_PRINT:
        return "the router's certificate has another fingerprint";
    case SESSION_FAILURE_TLS_BROKEN:
        return "TLS with the router does not come about";
    }
    return NULL;
}

static const char *router_trouble(const struct router *r)
{
    const char *words = NULL;
    switch ((enum router_trouble)r->trouble) {
    case ROUTER_TROUBLE_NONE:
    case ROUTER_TROUBLE_COMMAND:
        break;
    case ROUTER_TROUBLE_SESSION:
        words = session_trouble((enum session_failure)r->trouble_failure);
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
