#include "app/page.h"

#include <inttypes.h>

#include "app/json.h"
#include "app/page_style.h"

/* ---- writing ---- */

/* The text as the content of an element, or of an attribute in quotation marks. */
static void write_html(const char *text, FILE *out)
{
    for (; *text != '\0'; text++) {
        if (*text == '<')
            (void)fputs("&lt;", out);
        else if (*text == '&')
            (void)fputs("&amp;", out);
        else if (*text == '"')
            (void)fputs("&quot;", out);
        else
            (void)fputc(*text, out);
    }
}

static void write_element(const char *tag, const char *text, FILE *out)
{
    (void)fprintf(out, "<%s>", tag);
    write_html(text, out);
    (void)fprintf(out, "</%.*s>", (int)strcspn(tag, " "), tag);
}

/* What happens while the page is read is 0 s old. */
static uint64_t ago_s(const struct document *d, uint64_t at_ms)
{
    return at_ms < d->now_ms ? d->now_ms / 1000 - at_ms / 1000 : 0;
}

/* When something happened, in UTC, and how long ago that is. */
static void write_time(const struct document *d, uint64_t at_ms, FILE *out)
{
    uint64_t age_s = ago_s(d, at_ms);
    struct json_time at = json_time((time_t)d->report.head.now - (time_t)age_s);
    (void)fprintf(out, "<time datetime=\"%s\">%.10s %.5s UTC, %s ago</time>", at.text, at.text, at.text + 11,
                  status_duration(age_s < AGE_UNKNOWN_S ? (uint32_t)age_s : AGE_UNKNOWN_S).text);
}

/* ---- the two NATs ---- */

static void write_trouble(struct status_trouble trouble, FILE *out)
{
    if (trouble.what == NULL)
        return;
    (void)fputs("<div class=\"w\" role=\"status\">", out);
    write_element("strong class=\"r\"", trouble.what, out);
    if (trouble.remedy != NULL) {
        (void)fputs("<p>What to do: ", out);
        write_element("code", trouble.remedy, out);
        (void)fputs("</p>", out);
    }
    (void)fputs("</div>\n", out);
}

static void write_works(bool works, FILE *out)
{
    (void)fputs(works ? "<small class=\"g\">works</small>" : "<small class=\"r\">does not work</small>", out);
}

static void write_gateway(const struct document *d, FILE *out)
{
    const struct proxy_status *status = &d->report.head.proxy;
    (void)fputs("<li><small>Internet side</small>", out);
    write_element(
        "b", status->external_address == 0 ? "not known" : address_text(status->external_address).text, out);
    if (status->external_address != 0)
        (void)fprintf(out, "<small>for %s</small>", status_duration(status->external_age_s).text);
    (void)fputs("</li>\n<li><small>NAT 1: VPN gateway</small>", out);
    write_element("b", address_text(d->report.head.gateway).text, out);
    write_works(status_gateway_trouble(&d->report).what == NULL, out);
    if (status->gateway_silence_s != AGE_UNKNOWN_S)
        (void)fprintf(out, "<br><small>last answer %s ago</small>",
                      status_duration(status->gateway_silence_s).text);
    (void)fputs("</li>\n", out);
}

static void write_router(const struct document *d, FILE *out)
{
    const struct proxy_status *status = &d->report.head.proxy;
    (void)fputs("<li><small>NAT 2: router</small>", out);
    write_element("b", d->report.head.router_host, out);
    write_works(status_router_trouble(&d->report).what == NULL, out);
    if (status->router_version[0] != '\0') {
        (void)fputs("<br><small>RouterOS ", out);
        write_html(status->router_version, out);
        (void)fputs("</small>", out);
    }
    if (status->interface[0] != '\0') {
        (void)fputs("<br><small>tunnel ", out);
        write_html(log_safe(span_text(status->interface)).text, out);
        (void)fputs("</small>", out);
    }
    (void)fprintf(
        out, "</li>\n<li><small>Your network</small><b>%u host%s</b><small>%u mapping%s</small></li>\n",
        status->clients, status->clients == 1 ? "" : "s", status->mappings, status->mappings == 1 ? "" : "s");
}

static void page_head(struct document *d, FILE *out)
{
    const struct proxy_status *status = &d->report.head.proxy;
    (void)fprintf(out,
                  "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                  "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
                  "<meta http-equiv=\"refresh\" content=\"%d\"><title>double-natpmp</title>\n<style>",
                  PAGE_RELOAD_S);
    (void)fputs(PAGE_STYLE "</style></head>\n<body><header><h1>double-natpmp</h1><small>", out);
    write_html(d->report.head.version, out);
    (void)fputs(", instance ", out);
    write_html(d->report.head.instance, out);
    (void)fprintf(out, ", up %s</small></header>\n<main>\n", status_duration(status->uptime_s).text);
    write_trouble(status_router_trouble(&d->report), out);
    write_trouble(status_gateway_trouble(&d->report), out);
    (void)fputs("<ol class=\"n\" aria-label=\"From the internet to your network\">\n", out);
    write_gateway(d, out);
    write_router(d, out);
    (void)fputs("</ol>\n", out);
}

/* ---- what the daemon's own check has found ---- */

static bool write_finding(struct document *d, unsigned number, FILE *out)
{
    struct status_finding one;
    if (!d->report.check.known || !status_finding(d->of.findings, number, d->now_ms, &one))
        return false;
    if (number == 0) {
        (void)fputs("<h2>What the check found</h2>\n<p>", out);
        write_time(d, d->now_ms - (uint64_t)d->report.check.age_s * 1000, out);
        (void)fputs("</p>\n", out);
    }
    (void)fputs("<div class=\"w\">", out);
    write_element("strong class=\"r\"", one.finding.what, out);
    (void)fputs("<p><small>First found ", out);
    write_time(d, d->now_ms - (uint64_t)one.since_s * 1000, out);
    (void)fputs("</small></p>", out);
    if (one.finding.cure[0] != '\0') {
        (void)fputs("<p>What to do: ", out);
        write_element("code", one.finding.cure, out);
        (void)fputs("</p>", out);
    }
    (void)fputs("</div>\n", out);
    return true;
}

/* ---- mappings ---- */

static void table_head(struct document *d, FILE *out)
{
    (void)d;
    (void)fputs("<h2>Mappings</h2>\n<table><thead><tr><th>Host<th>Port of the host<th>Router port"
                "<th>External port<th>Lease<th>Since<th>Changes<th>Arrived<th>State</tr></thead>\n<tbody>\n",
                out);
}

static void write_port(const char *name, uint16_t port, FILE *out)
{
    (void)fprintf(out, "<td data-l=\"%s\">", name);
    if (port == 0)
        (void)fputs("-", out);
    else
        (void)fprintf(out, "<b>%u</b>", (unsigned)port);
}

static void write_arrivals(const struct mapping_status *mapping, FILE *out)
{
    (void)fputs("<td data-l=\"Arrived\">", out);
    if (!mapping->counted)
        (void)fputs("-", out);
    else if (mapping->connections == 0)
        (void)fputs("nothing yet", out);
    else
        (void)fprintf(out, "%" PRIu32 " connection%s", mapping->connections,
                      mapping->connections == 1 ? "" : "s");
    if (mapping->counted && mapping->arrival_age_s != AGE_UNKNOWN_S)
        (void)fprintf(out, ", last %s ago", status_duration(mapping->arrival_age_s).text);
}

static void table_row(struct document *d, const struct mapping_status *mapping, FILE *out)
{
    (void)d;
    (void)fprintf(out, "<tr><td data-l=\"Host\">%s<td data-l=\"Port of the host\">%u %s",
                  address_text(mapping->client).text, (unsigned)mapping->internal_port,
                  status_protocol_text(mapping));
    write_port("Router port", mapping->router_port, out);
    write_port("External port", mapping->external_port, out);
    (void)fprintf(out, "<td data-l=\"Lease\">%s", status_duration(mapping->lease_left_s).text);
    (void)fprintf(out, "<td data-l=\"Since\">%s<td data-l=\"Changes\">%u",
                  status_duration(mapping->age_s).text, (unsigned)mapping->changes);
    write_arrivals(mapping, out);
    (void)fprintf(out, "<td data-l=\"State\"><span class=\"%s\">%s</span></tr>\n",
                  status_forwards(mapping) ? "g" : "r", status_condition_text(mapping).text);
}

static void table_tail(struct document *d, FILE *out)
{
    (void)fputs("</tbody></table>\n", out);
    if (d->rows == 0)
        (void)fputs("<p>No host has requested a port yet.</p>\n", out);
    else if (d->rows == PAGE_ROWS_MAX)
        (void)fprintf(out, "<p>These are %d. All are in <a href=\"/status.json\">/status.json</a>.</p>\n",
                      PAGE_ROWS_MAX);
    uint32_t age_s = d->report.head.proxy.counters_age_s;
    if (d->rows > 0 && age_s != AGE_UNKNOWN_S && age_s > PAGE_COUNTERS_OLD_S)
        (void)fprintf(out, "<p><small>What has arrived is of %s ago.</small></p>\n",
                      status_duration(age_s).text);
}

/* ---- plots ---- */

enum {
    /* The plot has a unit for each minute. */
    PLOT_WIDTH = HISTORY_S / 60,
    PLOT_HEIGHT = 48,
    PLOT_MARGIN = 6,
};

struct plot {
    uint64_t now_ms;
    uint64_t first; /* entry that is drawn first */
    unsigned steps;
    uint16_t low;
    uint16_t high;
};

static bool is_old(const struct plot *plot, const struct history_entry *entry)
{
    return entry->at_ms + (uint64_t)HISTORY_S * 1000 < plot->now_ms;
}

/* Finds the entries of the last 24 hours, and the one before them, and their range. */
static struct plot survey(const struct document *d, const struct mapping_status *mapping)
{
    const struct history *h = d->of.history;
    struct plot plot = {.now_ms = d->now_ms, .low = UINT16_MAX};
    uint64_t next = 0;
    uint64_t begin[PAGE_STEPS_MAX];
    const struct history_entry *entry;
    while ((entry = history_find(h, next, mapping->client, mapping->protocol, mapping->internal_port,
                                 &next)) != NULL) {
        if (is_old(&plot, entry))
            plot.steps = 0;
        begin[plot.steps++ % PAGE_STEPS_MAX] = next - 1;
    }
    if (plot.steps == 0)
        return plot;
    plot.first = begin[plot.steps > PAGE_STEPS_MAX ? plot.steps % PAGE_STEPS_MAX : 0];
    for (next = plot.first; (entry = history_find(h, next, mapping->client, mapping->protocol,
                                                  mapping->internal_port, &next)) != NULL;) {
        uint16_t port = entry->external_port;
        if (port == 0 || entry->client == 0)
            continue;
        plot.low = port < plot.low ? port : plot.low;
        plot.high = port > plot.high ? port : plot.high;
    }
    return plot;
}

static unsigned x_of(const struct plot *plot, const struct history_entry *entry)
{
    return is_old(plot, entry) ? 0 : PLOT_WIDTH - (unsigned)((plot->now_ms - entry->at_ms) / 60000);
}

static unsigned y_of(const struct plot *plot, uint16_t port)
{
    if (plot->low == plot->high)
        return PLOT_HEIGHT / 2;
    unsigned room = PLOT_HEIGHT - 2 * PLOT_MARGIN;
    return PLOT_HEIGHT - PLOT_MARGIN -
           (unsigned)(port - plot->low) * room / (unsigned)(plot->high - plot->low);
}

static void write_path(const struct history *h, const struct plot *plot, const struct mapping_status *mapping,
                       FILE *out)
{
    uint64_t next = plot->first;
    bool drawing = false;
    const struct history_entry *entry;
    while ((entry = history_find(h, next, mapping->client, mapping->protocol, mapping->internal_port,
                                 &next)) != NULL) {
        uint16_t port = entry->client == 0 ? 0 : entry->external_port;
        unsigned x = x_of(plot, entry);
        if (drawing)
            (void)fprintf(out, "H%u", x);
        if (port != 0 && drawing)
            (void)fprintf(out, "V%u", y_of(plot, port));
        else if (port != 0)
            (void)fprintf(out, "M%u %u", x, y_of(plot, port));
        drawing = port != 0;
    }
    if (drawing)
        (void)fprintf(out, "H%d", PLOT_WIDTH);
}

static void plots_head(struct document *d, FILE *out)
{
    if (d->of.history->next > 0)
        (void)fputs("<h2>External ports in the last 24 hours</h2>\n", out);
}

static void plots_row(struct document *d, const struct mapping_status *mapping, FILE *out)
{
    struct plot plot = survey(d, mapping);
    if (plot.steps == 0 || plot.high == 0)
        return;
    (void)fprintf(out, "<figure><figcaption>%s, %s %u: ", address_text(mapping->client).text,
                  status_protocol_text(mapping), (unsigned)mapping->internal_port);
    if (plot.low == plot.high)
        (void)fprintf(out, "%u", (unsigned)plot.low);
    else
        (void)fprintf(out, "from %u to %u", (unsigned)plot.low, (unsigned)plot.high);
    (void)fprintf(out,
                  "</figcaption><svg viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
                  "<path d=\"",
                  PLOT_WIDTH, PLOT_HEIGHT);
    write_path(d->of.history, &plot, mapping, out);
    (void)fputs("\"/></svg></figure>\n", out);
}

/* ---- changes ---- */

static void write_part(const struct notice *notice, FILE *out)
{
    bool router = notice->part == NOTICE_ROUTER;
    const char *state = router ? failure_text((enum failure)notice->trouble)->state
                               : gateway_trouble_text((enum gateway_trouble)notice->trouble)->state;
    if (notice->standing_by)
        state = "another double-natpmp with this INSTANCE serves";
    if (notice->kind == NOTICE_RECOVERED)
        state = router ? "the router works" : "the gateway works";
    write_html(state != NULL ? state : "the router is not ready", out);
}

static void write_mapping_change(const struct notice *notice, FILE *out)
{
    if (notice->client == 0) {
        (void)fputs("all mappings ended", out);
        return;
    }
    (void)fprintf(out, "%s, %s %u: ", address_text(notice->client).text,
                  notice->protocol == NATPMP_TCP ? "tcp" : "udp", (unsigned)notice->internal_port);
    if (notice->kind == NOTICE_MAPPED)
        (void)fprintf(out, "external port %u opened", (unsigned)notice->external_port);
    else if (notice->kind == NOTICE_CHANGED)
        (void)fprintf(out, "external port %u became %u", (unsigned)notice->before,
                      (unsigned)notice->external_port);
    else
        (void)fprintf(out, "external port %u closed", (unsigned)notice->external_port);
}

static void write_change(const struct document *d, const struct change *change, FILE *out)
{
    const struct notice *notice = &change->notice;
    (void)fputs("<li>", out);
    write_time(d, change->at_ms, out);
    switch ((enum notice_kind)notice->kind) {
    case NOTICE_MAPPED:
    case NOTICE_CHANGED:
    case NOTICE_ENDED:
        write_mapping_change(notice, out);
        break;
    case NOTICE_ADDRESS:
        if (notice->external_address == 0)
            (void)fputs("the external address is not known any more", out);
        else
            (void)fprintf(out, "the external address is %s", address_text(notice->external_address).text);
        break;
    case NOTICE_TROUBLE:
    case NOTICE_RECOVERED:
    case NOTICES:
        write_part(notice, out);
        break;
    }
    (void)fputs("</li>\n", out);
}

/* The last one first. */
static void changes_list(struct document *d, FILE *out)
{
    uint64_t next = d->of.changes->next;
    uint64_t end = next > CHANGES_MAX ? next - CHANGES_MAX : 0;
    (void)fputs("<h2>Last changes</h2>\n<ul>\n", out);
    for (uint64_t i = next; i > end; i--)
        write_change(d, changes_from(d->of.changes, i - 1), out);
    (void)fputs(next == 0 ? "<li>None yet.</li>\n" : "", out);
    (void)fputs("</ul>\n", out);
}

static void page_tail(struct document *d, FILE *out)
{
    (void)d;
    (void)fputs("</main>\n<footer><small>For programs: <a href=\"/status.json\">/status.json</a>, "
                "<a href=\"/metrics\">/metrics</a>, <a href=\"/healthz\">/healthz</a>, "
                "<a href=\"/v1/portforward\">/v1/portforward</a></small></footer>\n</body></html>\n",
                out);
}

const struct section page_sections[] = {
    {.head = page_head, .item = write_finding},
    {.head = table_head, .row = table_row, .tail = table_tail, .rows_max = PAGE_ROWS_MAX},
    {.head = plots_head, .row = plots_row, .rows_max = PAGE_PLOTS_MAX},
    {.head = changes_list, .tail = page_tail},
    {0}};
