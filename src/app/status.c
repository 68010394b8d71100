#include "app/status.h"

#include <stdio.h>

#include "app/version.h"
#include "base/cursor.h"
#include "io/clock.h"
#include "io/probe.h"

_Static_assert(sizeof(struct status_page) <= PROBE_REPLY_MAX, "a page is one reply");
_Static_assert(sizeof(struct findings_page) <= PROBE_REPLY_MAX, "the same");

/* ---- questions ---- */

static struct status_question question(char kind, uint16_t from)
{
    return (struct status_question){{(uint8_t)kind, (uint8_t)(from >> 8), (uint8_t)from}};
}

static bool asks_for(struct span bytes, char kind, uint16_t *ret_from)
{
    struct reader r = reader_of(bytes);
    uint8_t first = read_u8(&r);
    *ret_from = read_u16(&r);
    return !r.failed && r.rest.len == 0 && first == (uint8_t)kind;
}

struct status_question findings_question(uint16_t from)
{
    return question('f', from);
}

bool findings_asks_for(struct span bytes, uint16_t *ret_from)
{
    return asks_for(bytes, 'f', ret_from);
}

struct status_question status_question(uint16_t from)
{
    return question('s', from);
}

bool status_asks_for(struct span bytes, uint16_t *ret_from)
{
    return asks_for(bytes, 's', ret_from);
}

/* ---- pages ---- */

struct status_check status_check(const struct self_findings *findings, uint64_t now_ms)
{
    bool known = findings != NULL && findings->checked;
    return (struct status_check){.known = known,
                                 .age_s = known ? status_age_s(findings->checked_ms, now_ms) : 0};
}

bool status_finding(const struct self_findings *findings, unsigned number, uint64_t now_ms,
                    struct status_finding *ret_finding)
{
    if (findings == NULL || number >= findings->count)
        return false;
    ret_finding->finding = findings->at[number].finding;
    ret_finding->since_s = status_age_s(findings->at[number].since_ms, now_ms);
    return true;
}

struct findings_page findings_page(const struct self_findings *findings, uint16_t from, uint64_t now_ms)
{
    struct findings_page page;
    memset(&page, 0, sizeof(page));
    (void)snprintf(page.version, sizeof(page.version), "%s", version);
    page.check = status_check(findings, now_ms);
    page.count = (uint8_t)findings->count;
    while (page.rows < FINDINGS_PAGE_ROWS &&
           status_finding(findings, (unsigned)from + page.rows, now_ms, &page.row[page.rows]))
        page.rows++;
    return page;
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
    page.now = clock_unix_s(now_ms);
    page.proxy = proxy_status(proxy, now_ms);
    _Static_assert((int)STATIC_MAPPINGS_MAX < (int)STATUS_PAGE_ROWS,
                   "the first page has room for mappings, too");
    for (unsigned i = 0; from == 0 && i < config->static_mappings; i++)
        page.rows += static_status(proxy, i, &page.row[page.rows]);
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
        if (page->row[i].condition >= MAPPING_CONDITIONS || page->row[i].protocol > NATPMP_TCP ||
            page->row[i].refusal >= TARGET_REFUSALS)
            return false;
    return true;
}

bool findings_page_is_valid(const struct findings_page *page, int size)
{
    if (size != (int)sizeof(*page) || !ends(page->version, sizeof(page->version)) ||
        strcmp(page->version, version) != 0 || page->count > FINDINGS || page->rows > FINDINGS_PAGE_ROWS)
        return false;
    for (unsigned i = 0; i < page->rows; i++) {
        const struct finding *f = &page->row[i].finding;
        if (f->id >= FINDINGS || !is_plain(f->what, sizeof(f->what)) || !is_plain(f->cure, sizeof(f->cure)))
            return false;
    }
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
