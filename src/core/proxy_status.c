/* The state of the program in short. The log has more details. */
#include "core/proxy_state.h"

static const char *router_trouble(const struct router *r)
{
    const char *state = failure_text((enum failure)r->trouble)->state;
    return state != NULL || router_is_ready(r) ? state : "the router is not ready yet";
}

struct proxy_status proxy_status(const struct proxy *p, uint64_t now_ms)
{
    return (struct proxy_status){
        .router_trouble = router_trouble(&p->router),
        .gateway_trouble = gateway_trouble_text((enum gateway_trouble)p->upstream.trouble)->state,
        .external_address = p->upstream.address_known ? p->upstream.address : 0,
        .mappings = p->tables.live,
        .records = p->tables.records,
        .clients = p->tables.clients,
        .epoch_s = server_epoch_s(&p->server, now_ms),
        .dropped = p->server.dropped,
    };
}
