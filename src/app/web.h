/* The status page (STATUS_LISTEN): what a reader on the LAN may ask for over HTTP, and who may ask. */
#pragma once

#include "app/changes.h"
#include "app/config.h"
#include "app/history.h"
#include "app/self_findings.h"
#include "core/proxy.h"
#include "io/http.h"

struct web {
    struct http_server *server; /* NULL: not open */
    const struct proxy *proxy;
    const struct config *config;
    const struct changes *changes;
    const struct self_findings *findings;
    struct history *history; /* NULL: not open */
    /* Called when somebody reads a status, with the asker; NULL: not. To be set before web_open. */
    void (*asked)(void *asker);
    void *asker;
};

/* Listens on STATUS_LISTEN. The arguments must outlive it. Returns 0 or a negative errno: -ELIBACC if
 * libmicrohttpd is not installed. */
nodiscard_ int web_open(struct web *w, uv_loop_t *loop, const struct proxy *proxy,
                        const struct config *config, const struct changes *changes,
                        const struct self_findings *findings);
void web_close(struct web *w);
/* To be called for each notice. */
void web_notice(struct web *w, const struct notice *notice, uint64_t at_ms);

/* What is answered to a request. */
struct http_reply web_answer(void *web, const struct http_request *request);
/* True if a name in the header field Host cannot be one that somebody on the internet has given to this
 * host. */
bool web_host_is_local(const char *host);
