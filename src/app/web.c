#include "app/web.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app/document.h"
#include "app/health.h"
#include "app/metrics.h"
#include "app/page.h"
#include "app/portforward.h"
#include "base/address_use.h"
#include "base/cursor.h"
#include "io/clock.h"

/* ---- who may ask ---- */

static bool address_may(uint32_t address)
{
    return address_is_of_lan(address) || address_is_loopback(address);
}

static bool ends_in(struct span name, const char *domain)
{
    size_t len = strlen(domain);
    return name.len > len && strncasecmp((const char *)name.data + name.len - len, domain, len) == 0;
}

static bool is_name(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t byte = name.data[i];
        bool letter = (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
        if (!letter && (byte < '0' || byte > '9') && byte != '-' && byte != '_' && byte != '.')
            return false;
    }
    return name.len > 0;
}

/* Somebody who owns a domain can give it the address of this host. A page of that domain could then read what
 * this one answers (DNS rebinding). Nobody on the internet owns a name without a dot, or one of these. */
bool web_host_is_local(const char *host)
{
    static const char *const domains[] = {".lan",      ".local",       ".home",     ".home.arpa",
                                          ".internal", ".localdomain", ".localhost"};
    uint32_t address;
    uint64_t port;
    struct span name = span_text(host);
    const uint8_t *colon = memchr(name.data, ':', name.len);
    if (colon != NULL) {
        name.len = (size_t)(colon - name.data);
        if (!parse_decimal(span_text((const char *)colon + 1), UINT16_MAX, &port))
            return false;
    }
    if (parse_address(name, &address))
        return address_may(address);
    if (name.len > 1 && name.data[name.len - 1] == '.')
        name.len--;
    if (!is_name(name))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(domains); i++)
        if (ends_in(name, domains[i]))
            return true;
    return memchr(name.data, '.', name.len) == NULL;
}

/* ---- replies ---- */

/* Of each reply. Nobody may show it in a frame, keep it, or use it from another site. The style of the page
 * is named by its hash, in its own headers. */
#define HEADERS                                                                                              \
    {"X-Content-Type-Options", "nosniff"}, {"Cache-Control", "no-store"},                                    \
        {"Referrer-Policy", "no-referrer"}, {"Cross-Origin-Resource-Policy", "same-origin"},                 \
    {                                                                                                        \
        "X-Frame-Options", "DENY"                                                                            \
    }
#define POLICY(more)                                                                                         \
    {                                                                                                        \
        "Content-Security-Policy",                                                                           \
            "default-src 'none'; " more "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"        \
    }

static const struct http_header plain[] = {HEADERS, POLICY(""), {NULL, NULL}};
static const struct http_header styled[] = {
    HEADERS, POLICY("style-src '" PAGE_STYLE_HASH "'; "), {NULL, NULL}};

static struct http_reply text_reply(unsigned status, const char *text)
{
    return (struct http_reply){
        .status = status, .type = "text/plain; charset=utf-8", .headers = plain, .text = text};
}

static struct http_reply document_reply(const struct web *w, const struct http_request *request,
                                        const struct section *sections, const char *type)
{
    const struct document_source source = {.proxy = w->proxy,
                                           .config = w->config,
                                           .changes = w->changes,
                                           .history = w->history,
                                           .findings = w->findings};
    struct document *document = document_begin(sections, &source);
    if (document == NULL)
        return text_reply(503, "there is no memory for this now\n");
    document->filter = (struct port_filter){.client = request->peer, .protocol = -1};
    return (struct http_reply){.status = 200,
                               .type = type,
                               .headers = plain,
                               .read = document_read,
                               .done = document_end,
                               .state = document};
}

/* ---- /healthz ---- */

static void write_health(struct document *d, FILE *out)
{
    char line[HEALTH_LINE_MAX + 1];
    health_write(&d->report.head.proxy, line);
    (void)fprintf(out, "%s\n", line);
}

static struct http_reply health(const struct web *w, const struct http_request *request)
{
    static const struct section sections[] = {{.head = write_health}, {0}};
    char line[HEALTH_LINE_MAX + 1];
    struct proxy_status status = proxy_status(w->proxy, clock_now_ms());
    struct http_reply reply = document_reply(w, request, sections, "text/plain; charset=utf-8");
    health_write(&status, line);
    if (!health_is_good(line))
        reply.status = 503;
    return reply;
}

/* ---- /status.json ---- */

static void write_json_head(struct document *d, FILE *out)
{
    status_json_head(&d->report, out);
}

static bool write_json_finding(struct document *d, unsigned number, FILE *out)
{
    struct status_finding finding;
    if (!d->report.check.known || !status_finding(d->of.findings, number, d->now_ms, &finding))
        return false;
    status_json_finding(&d->report, &finding, number == 0, out);
    return true;
}

static void write_json_mappings(struct document *d, FILE *out)
{
    status_json_mappings(&d->report, out);
}

static void write_json_row(struct document *d, const struct mapping_status *mapping, FILE *out)
{
    status_json_mapping(&d->report, mapping, d->rows == 0, out);
}

static void write_json_tail(struct document *d, FILE *out)
{
    (void)d;
    status_json_tail(out);
}

static struct http_reply status_json(const struct web *w, const struct http_request *request)
{
    static const struct section sections[] = {
        {.head = write_json_head, .item = write_json_finding},
        {.head = write_json_mappings, .row = write_json_row, .tail = write_json_tail},
        {0}};
    return document_reply(w, request, sections, "application/json");
}

/* ---- /metrics ---- */

static struct http_reply metrics(const struct web *w, const struct http_request *request)
{
    bool open = request->accept != NULL && strstr(request->accept, "application/openmetrics-text") != NULL;
    return open ? document_reply(w, request, metrics_open, METRICS_TYPE_OPEN)
                : document_reply(w, request, metrics_text, METRICS_TYPE_TEXT);
}

/* ---- / ---- */

static struct http_reply page(const struct web *w, const struct http_request *request)
{
    struct http_reply reply = document_reply(w, request, page_sections, "text/html; charset=utf-8");
    reply.headers = reply.read == NULL ? plain : styled;
    return reply;
}

/* ---- /v1/portforward ---- */

static void write_ports(struct document *d, FILE *out)
{
    portforward_write(d->of.proxy, d->filter, clock_now_ms(), out);
}

static bool read_filter(const struct web *w, const struct http_request *request, struct port_filter *filter)
{
    uint64_t port = 0;
    const char *client = http_argument(request, w->server, "client");
    const char *internal = http_argument(request, w->server, "internal");
    const char *protocol = http_argument(request, w->server, "protocol");
    if (client != NULL && !parse_address(span_text(client), &filter->client))
        return false;
    if (internal != NULL && (!parse_decimal(span_text(internal), UINT16_MAX, &port) || port == 0))
        return false;
    filter->internal_port = (uint16_t)port;
    if (protocol == NULL)
        return true;
    filter->protocol = strcmp(protocol, "tcp") == 0 ? NATPMP_TCP : NATPMP_UDP;
    return filter->protocol == NATPMP_TCP || strcmp(protocol, "udp") == 0;
}

static struct http_reply portforward(const struct web *w, const struct http_request *request)
{
    static const struct section sections[] = {{.head = write_ports}, {0}};
    struct port_filter filter = {.client = request->peer, .protocol = -1};
    if (!read_filter(w, request, &filter))
        return text_reply(400,
                          "allowed are client=<IPv4 address>, internal=<port> and protocol=tcp or udp\n");
    struct http_reply reply = document_reply(w, request, sections, "application/json");
    if (reply.read != NULL)
        ((struct document *)reply.state)->filter = filter;
    return reply;
}

/* ---- routes ---- */

static const struct route {
    const char *path;
    struct http_reply (*answer)(const struct web *w, const struct http_request *request);
    bool shows_arrivals;
} routes[] = {
    {"/", page, true},
    {"/healthz", health, false},
    {"/status.json", status_json, true},
    {"/metrics", metrics, true},
    {"/v1/portforward", portforward, false},
    {"/v1/openvpn/portforwarded", portforward, false}, /* where gluetun had it before */
};

static struct http_reply take_route(const struct web *w, const struct route *route,
                                    const struct http_request *request)
{
    if (route->shows_arrivals && w->asked != NULL)
        w->asked(w->asker);
    return route->answer(w, request);
}

struct http_reply web_answer(void *web, const struct http_request *request)
{
    const struct web *w = web;
    if (!address_may(request->peer))
        return text_reply(403, "only private addresses are answered\n");
    if (request->host == NULL || !web_host_is_local(request->host))
        return text_reply(421,
                          "this name could be somebody else's on the internet; use the address instead\n");
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        if (strcmp(request->path, routes[i].path) == 0)
            return take_route(w, &routes[i], request);
    return text_reply(404, "there is nothing here; see /\n");
}

/* ---- life ---- */

int web_open(struct web *w, uv_loop_t *loop, const struct proxy *proxy, const struct config *config,
             const struct changes *changes, const struct self_findings *findings)
{
    int error = -ENOMEM;
    w->proxy = proxy;
    w->config = config;
    w->changes = changes;
    w->findings = findings;
    w->history = calloc(1, sizeof(*w->history));
    if (w->history != NULL)
        w->server = http_open(loop, config->status_address, config->status_port, web_answer, w, &error);
    if (w->server != NULL)
        return 0;
    web_close(w);
    return error;
}

void web_close(struct web *w)
{
    http_close(w->server);
    free(w->history);
    w->server = NULL;
    w->history = NULL;
}

void web_notice(struct web *w, const struct notice *notice, uint64_t at_ms)
{
    if (w->history != NULL)
        history_add(w->history, notice, at_ms);
}
