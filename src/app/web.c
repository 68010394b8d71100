#include "app/web.h"

#include <string.h>
#include <strings.h>

#include "app/document.h"
#include "app/health.h"
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
        {"Cross-Origin-Opener-Policy", "same-origin"},                                                       \
    {                                                                                                        \
        "X-Frame-Options", "DENY"                                                                            \
    }
#define NOTHING "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

static const struct http_header plain[] = {HEADERS, {"Content-Security-Policy", NOTHING}, {NULL, NULL}};

static struct http_reply text_reply(unsigned status, const char *text)
{
    return (struct http_reply){
        .status = status, .type = "text/plain; charset=utf-8", .headers = plain, .text = text};
}

static struct http_reply document_reply(const struct web *w, const struct http_request *request,
                                        const struct section *sections, const char *type)
{
    struct document *document = document_begin(sections, w->proxy, w->config);
    if (document == NULL)
        return text_reply(503, "there is no memory for this now\n");
    document->asker = request->peer;
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
    static const struct section sections[] = {{write_json_head, write_json_row, write_json_tail}, {0}};
    return document_reply(w, request, sections, "application/json");
}

/* ---- routes ---- */

static const struct route {
    const char *path;
    struct http_reply (*answer)(const struct web *w, const struct http_request *request);
} routes[] = {
    {"/healthz", health},
    {"/status.json", status_json},
};

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
            return routes[i].answer(w, request);
    return text_reply(404, "there is nothing here; see /\n");
}

/* ---- life ---- */

int web_open(struct web *w, uv_loop_t *loop, const struct proxy *proxy, const struct config *config)
{
    int error;
    w->proxy = proxy;
    w->config = config;
    w->server = http_open(loop, config->status_address, config->status_port, web_answer, w, &error);
    return w->server == NULL ? error : 0;
}

void web_close(struct web *w)
{
    http_close(w->server);
    w->server = NULL;
}
