#include "app/status.h"

#include <stdio.h>

#include "app/version.h"
#include "base/cursor.h"
#include "io/probe.h"

_Static_assert(sizeof(struct status_page) <= PROBE_REPLY_MAX, "a page is one reply");

struct status_question status_question(uint16_t from)
{
    return (struct status_question){{'s', (uint8_t)(from >> 8), (uint8_t)from}};
}

bool status_asks_for(struct span question, uint16_t *ret_from)
{
    struct reader r = reader_of(question);
    uint8_t kind = read_u8(&r);
    *ret_from = read_u16(&r);
    return !r.failed && r.rest.len == 0 && kind == 's';
}

struct status_page status_page(const struct proxy *proxy, const struct config *config, uint16_t from,
                               uint64_t now_ms)
{
    struct status_page page;
    memset(&page, 0, sizeof(page)); /* no byte of the stack leaves this process, not even as padding */
    (void)snprintf(page.version, sizeof(page.version), "%s", version);
    memcpy(page.instance, config->instance, sizeof(page.instance));
    memcpy(page.router_host, config->router_host, sizeof(page.router_host));
    page.router_port = config->router_port;
    page.gateway = config->gateway;
    page.proxy = proxy_status(proxy, now_ms);
    uint16_t m = from;
    while ((m = mapping_status_from(proxy, m, now_ms, &page.row[page.rows])) != 0) {
        if (++page.rows == STATUS_PAGE_ROWS) {
            page.next = (uint16_t)(m + 1); /* 0 behind the last record of all */
            break;
        }
        if (++m == 0)
            break;
    }
    return page;
}

static bool ends(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

/* A terminal must not be commanded by whoever took the socket's name. */
static bool is_plain(const char *text, size_t size)
{
    size_t len = 0;
    while (len < size && text[len] >= ' ' && text[len] <= '~')
        len++;
    return len < size && text[len] == '\0';
}

static bool rows_are_valid(const struct status_page *page)
{
    for (unsigned i = 0; i < page->rows; i++)
        if (page->row[i].condition >= MAPPING_CONDITIONS || page->row[i].protocol > NATPMP_TCP)
            return false;
    return true;
}

bool status_page_is_valid(const struct status_page *page, int size)
{
    return size == (int)sizeof(*page) && ends(page->version, sizeof(page->version)) &&
           strcmp(page->version, version) == 0 && is_plain(page->instance, sizeof(page->instance)) &&
           is_plain(page->router_host, sizeof(page->router_host)) &&
           is_plain(page->proxy.router_version, sizeof(page->proxy.router_version)) &&
           ends(page->proxy.interface, sizeof(page->proxy.interface)) &&
           (unsigned)page->proxy.router_failure < FAILURES_END &&
           (unsigned)page->proxy.gateway_trouble < GATEWAY_TROUBLES && page->rows <= STATUS_PAGE_ROWS &&
           rows_are_valid(page);
}
