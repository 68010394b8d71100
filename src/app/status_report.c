#include "app/status_report.h"

#include <inttypes.h>

#include "app/json.h"

/* ---- words ---- */

static const char *refusal_text(unsigned result)
{
    switch ((enum natpmp_result)result) {
    case NATPMP_NOT_AUTHORIZED:
        return "refused: not authorized";
    case NATPMP_NETWORK_FAILURE:
        return "refused: router or gateway failed";
    case NATPMP_OUT_OF_RESOURCES:
        return "refused: no port left";
    case NATPMP_SUCCESS:
    case NATPMP_UNSUPPORTED_VERSION:
    case NATPMP_UNSUPPORTED_OPCODE:
        break;
    }
    return "refused";
}

static const char *condition_text(const struct mapping_status *mapping)
{
    switch ((enum mapping_condition)mapping->condition) {
    case MAPPING_ACTIVE:
        return "active";
    case MAPPING_KEPT_ALIVE:
        return "kept alive for its client";
    case MAPPING_ADOPTED:
        return "adopted, not renewed yet";
    case MAPPING_WAITS_ROUTER:
        return "waiting for the router";
    case MAPPING_WAITS_GATEWAY:
        return "waiting for the gateway";
    case MAPPING_REFUSED:
        return refusal_text(mapping->result);
    case MAPPING_STATIC:
        return "static";
    case MAPPING_ENDING:
        return "ending";
    case MAPPING_CONDITIONS:
        break;
    }
    return "unknown";
}

struct status_cell status_condition_text(const struct mapping_status *mapping)
{
    struct status_cell cell;
    const char *why = target_refusal_text((enum target_refusal)mapping->refusal);
    (void)snprintf(cell.text, sizeof(cell.text), "%s%s",
                   why != NULL ? "refused because " : condition_text(mapping), why != NULL ? why : "");
    return cell;
}

struct status_trouble router_trouble(const struct proxy_status *proxy)
{
    const char *remedy = failure_text(proxy->router_failure)->remedy;
    return (struct status_trouble){router_trouble_text(proxy),
                                   proxy->standing_by ? "stop one of the two, or give it another INSTANCE"
                                                      : remedy};
}

struct status_trouble gateway_trouble(const struct proxy_status *proxy)
{
    return (struct status_trouble){gateway_state_text(proxy),
                                   gateway_trouble_text(proxy->gateway_trouble)->remedy};
}

struct status_trouble status_router_trouble(const struct status_report *report)
{
    return router_trouble(&report->head.proxy);
}

struct status_trouble status_gateway_trouble(const struct status_report *report)
{
    return gateway_trouble(&report->head.proxy);
}

const char *status_protocol_text(const struct mapping_status *mapping)
{
    return mapping->protocol == NATPMP_TCP ? "tcp" : "udp";
}

bool status_forwards(const struct mapping_status *mapping)
{
    return mapping->external_port != 0 &&
           (mapping->condition == MAPPING_ACTIVE || mapping->condition == MAPPING_KEPT_ALIVE ||
            mapping->condition == MAPPING_ADOPTED || mapping->condition == MAPPING_STATIC);
}

/* ---- for people ---- */

struct status_cell status_duration(uint32_t seconds)
{
    struct status_cell cell = {"-"};
    if (seconds == AGE_UNKNOWN_S)
        return cell;
    if (seconds < 60)
        (void)snprintf(cell.text, sizeof(cell.text), "%us", seconds);
    else if (seconds < 3600)
        (void)snprintf(cell.text, sizeof(cell.text), "%um", seconds / 60);
    else if (seconds < 86400)
        (void)snprintf(cell.text, sizeof(cell.text), "%uh%um", seconds / 3600, seconds / 60 % 60);
    else
        (void)snprintf(cell.text, sizeof(cell.text), "%ud%uh", seconds / 86400, seconds / 3600 % 24);
    return cell;
}

struct status_cell status_arrivals(const struct mapping_status *mapping)
{
    struct status_cell cell = {"-"};
    if (mapping->counted && mapping->connections == 0)
        (void)snprintf(cell.text, sizeof(cell.text), "none");
    else if (mapping->counted && mapping->arrival_age_s == AGE_UNKNOWN_S)
        (void)snprintf(cell.text, sizeof(cell.text), "%" PRIu32, mapping->connections);
    else if (mapping->counted)
        (void)snprintf(cell.text, sizeof(cell.text), "%" PRIu32 ", %.24s ago", mapping->connections,
                       status_duration(mapping->arrival_age_s).text);
    return cell;
}

static struct status_cell port_cell(uint16_t port)
{
    struct status_cell cell = {"-"};
    if (port != 0)
        (void)snprintf(cell.text, sizeof(cell.text), "%u", (unsigned)port);
    return cell;
}

static struct status_cell external_cell(const struct status_report *report,
                                        const struct mapping_status *mapping)
{
    struct status_cell cell = {"-"};
    uint32_t address = report->head.proxy.external_address;
    if (mapping->external_port != 0)
        (void)snprintf(cell.text, sizeof(cell.text), "%s:%u", address == 0 ? "?" : address_text(address).text,
                       (unsigned)mapping->external_port);
    return cell;
}

enum {
    COLUMNS = 10,
};

static const char *const titles[COLUMNS] = {"CLIENT", "PROTO", "INTERNAL", "ROUTER",  "EXTERNAL",
                                            "LEASE",  "SINCE", "CHANGES",  "ARRIVED", "STATE"};

static void fill(const struct status_report *report, const struct mapping_status *mapping,
                 struct status_cell ret_cells[COLUMNS])
{
    (void)snprintf(ret_cells[0].text, sizeof(ret_cells[0].text), "%s", address_text(mapping->client).text);
    (void)snprintf(ret_cells[1].text, sizeof(ret_cells[1].text), "%s", status_protocol_text(mapping));
    ret_cells[2] = port_cell(mapping->internal_port);
    ret_cells[3] = port_cell(mapping->router_port);
    ret_cells[4] = external_cell(report, mapping);
    ret_cells[5] = status_duration(mapping->lease_left_s);
    ret_cells[6] = status_duration(mapping->age_s);
    (void)snprintf(ret_cells[7].text, sizeof(ret_cells[7].text), "%u", (unsigned)mapping->changes);
    ret_cells[8] = status_arrivals(mapping);
    ret_cells[9] = status_condition_text(mapping);
}

/* Prints one line of the table. The last column is cut at the width of the terminal. */
static void print_row(const struct status_cell cells[COLUMNS], const unsigned widths[COLUMNS], unsigned width,
                      FILE *out)
{
    unsigned used = 0;
    for (unsigned i = 0; i < COLUMNS - 1; i++) {
        (void)fprintf(out, "%-*s  ", (int)widths[i], cells[i].text);
        used += widths[i] + 2;
    }
    int room = width == 0 ? (int)sizeof(cells->text) : width > used ? (int)(width - used) : 0;
    (void)fprintf(out, "%.*s\n", room, cells[COLUMNS - 1].text);
}

static void print_table(const struct status_report *report, unsigned width, FILE *out)
{
    struct status_cell cells[COLUMNS];
    unsigned widths[COLUMNS];
    for (unsigned i = 0; i < COLUMNS; i++)
        widths[i] = (unsigned)strlen(titles[i]);
    for (unsigned row = 0; row < report->rows; row++) {
        fill(report, &report->row[row], cells);
        for (unsigned i = 0; i < COLUMNS; i++) {
            unsigned len = (unsigned)strlen(cells[i].text);
            widths[i] = len > widths[i] ? len : widths[i];
        }
    }
    for (unsigned i = 0; i < COLUMNS; i++)
        (void)snprintf(cells[i].text, sizeof(cells[i].text), "%s", titles[i]);
    print_row(cells, widths, width, out);
    for (unsigned row = 0; row < report->rows; row++) {
        fill(report, &report->row[row], cells);
        print_row(cells, widths, width, out);
    }
}

static void print_trouble(struct status_trouble trouble, bool colour, FILE *out)
{
    if (trouble.what == NULL)
        return;
    (void)fprintf(out, "          %s%s%s\n", colour ? "\033[31m" : "", trouble.what, colour ? "\033[0m" : "");
    if (trouble.remedy != NULL)
        (void)fprintf(out, "          what to do: %s\n", trouble.remedy);
}

static void print_router(const struct status_report *report, bool colour, FILE *out)
{
    const struct status_page *head = &report->head;
    (void)fprintf(out, "router    %s:%u", head->router_host, (unsigned)head->router_port);
    if (head->proxy.router_version[0] != '\0')
        (void)fprintf(out, "  RouterOS %s", head->proxy.router_version);
    if (head->proxy.interface[0] != '\0')
        (void)fprintf(out, "  interface %s (%s)", log_safe(span_text(head->proxy.interface)).text,
                      head->proxy.interface_configured ? "configured" : "found on the router");
    (void)fputc('\n', out);
    print_trouble(status_router_trouble(report), colour, out);
}

static void print_gateway(const struct status_report *report, bool colour, FILE *out)
{
    const struct proxy_status *proxy = &report->head.proxy;
    (void)fprintf(out, "gateway   %s", address_text(report->head.gateway).text);
    if (proxy->gateway_silence_s != AGE_UNKNOWN_S)
        (void)fprintf(out, "  last answer %s ago", status_duration(proxy->gateway_silence_s).text);
    (void)fputc('\n', out);
    if (proxy->external_address != 0)
        (void)fprintf(out, "external  %s  for %s\n", address_text(proxy->external_address).text,
                      status_duration(proxy->external_age_s).text);
    print_trouble(status_gateway_trouble(report), colour, out);
}

static void print_check(const struct status_report *report, FILE *out)
{
    if (!report->check.known)
        return;
    (void)fprintf(out, "check     %s ago: %s\n", status_duration(report->check.age_s).text,
                  report->findings == 0 ? "no failure" : "found");
    for (unsigned i = 0; i < report->findings; i++) {
        const struct finding *f = &report->finding[i].finding;
        (void)fprintf(out, "          %s: %s (since %s)\n", finding_name((enum finding_id)f->id), f->what,
                      status_duration(report->finding[i].since_s).text);
        if (f->cure[0] != '\0')
            (void)fprintf(out, "          what to do: %s\n", f->cure);
    }
}

void status_report_text(const struct status_report *report, unsigned width, bool colour, FILE *out)
{
    const struct proxy_status *proxy = &report->head.proxy;
    (void)fprintf(out, "double-natpmp %s  instance %s  up %s\n", report->head.version, report->head.instance,
                  status_duration(proxy->uptime_s).text);
    print_router(report, colour, out);
    print_gateway(report, colour, out);
    print_check(report, out);
    (void)fprintf(out, "mappings  %u for %u client%s", proxy->mappings, proxy->clients,
                  proxy->clients == 1 ? "" : "s");
    if (proxy->counters_age_s != AGE_UNKNOWN_S && proxy->counters_age_s > STATUS_COUNTERS_OLD_S)
        (void)fprintf(out, "  counters read %s ago", status_duration(proxy->counters_age_s).text);
    (void)fputc('\n', out);
    if (report->rows > 0) {
        (void)fputc('\n', out);
        print_table(report, width, out);
    }
}

/* ---- for programs ---- */

/* "name": the time that long ago, "name_s": how long ago; null if it is not known. */
static void write_age(const struct status_report *report, const char *name, uint32_t age_s, FILE *out)
{
    (void)fprintf(out, "\"%s\": ", name);
    if (age_s == AGE_UNKNOWN_S) {
        (void)fprintf(out, "null, \"%s_s\": null", name);
        return;
    }
    json_write_time((time_t)report->head.now - (time_t)age_s, out);
    (void)fprintf(out, ", \"%s_s\": %u", name, age_s);
}

static void write_trouble(struct status_trouble trouble, FILE *out)
{
    (void)fputs("\"trouble\": ", out);
    json_write_string(trouble.what, out);
    (void)fputs(", \"remedy\": ", out);
    json_write_string(trouble.what != NULL ? trouble.remedy : NULL, out);
}

static void print_address(uint32_t address, FILE *out)
{
    json_write_string(address == 0 ? NULL : address_text(address).text, out);
}

static void write_router(const struct status_report *report, FILE *out)
{
    const struct status_page *head = &report->head;
    (void)fputs(" \"router\": {\"host\": ", out);
    json_write_string(head->router_host, out);
    (void)fprintf(out, ", \"port\": %u, \"address\": ", (unsigned)head->router_port);
    print_address(head->proxy.router_address, out);
    (void)fprintf(out, ", \"ready\": %s, \"version\": ", head->proxy.router_ready ? "true" : "false");
    json_write_string(head->proxy.router_version[0] != '\0' ? head->proxy.router_version : NULL, out);
    (void)fputs(", \"interface\": ", out);
    json_write_string(
        head->proxy.interface[0] != '\0' ? log_safe(span_text(head->proxy.interface)).text : NULL, out);
    (void)fprintf(out, ", \"interface_configured\": %s, ",
                  head->proxy.interface_configured ? "true" : "false");
    write_age(report, "counters_read", head->proxy.counters_age_s, out);
    (void)fputs(", ", out);
    write_trouble(status_router_trouble(report), out);
    (void)fputs("},\n", out);
}

static void write_gateway(const struct status_report *report, FILE *out)
{
    const struct proxy_status *proxy = &report->head.proxy;
    (void)fputs(" \"gateway\": {\"address\": ", out);
    print_address(report->head.gateway, out);
    (void)fputs(", ", out);
    write_age(report, "last_answer", proxy->gateway_silence_s, out);
    (void)fputs(", \"external_address\": ", out);
    print_address(proxy->external_address, out);
    (void)fputs(", ", out);
    write_age(report, "external_since", proxy->external_age_s, out);
    (void)fputs(", ", out);
    write_trouble(status_gateway_trouble(report), out);
    (void)fputs("},\n", out);
}

/* A port that does not exist is null. */
static void write_port(const char *name, uint16_t port, FILE *out)
{
    if (port == 0)
        (void)fprintf(out, "\"%s\": null, ", name);
    else
        (void)fprintf(out, "\"%s\": %u, ", name, (unsigned)port);
}

static void write_arrivals(const struct status_report *report, const struct mapping_status *mapping,
                           FILE *out)
{
    if (mapping->counted)
        (void)fprintf(out, "\"connections\": %" PRIu32 ", \"first_packet_bytes\": %" PRIu64 ", ",
                      mapping->connections, mapping->first_bytes);
    else
        (void)fputs("\"connections\": null, \"first_packet_bytes\": null, ", out);
    write_age(report, "last_connection", mapping->arrival_age_s, out);
}

void status_json_mapping(const struct status_report *report, const struct mapping_status *mapping, bool first,
                         FILE *out)
{
    static const char *const names[MAPPING_CONDITIONS] = {
        [MAPPING_ACTIVE] = "active",
        [MAPPING_KEPT_ALIVE] = "kept-alive",
        [MAPPING_ADOPTED] = "adopted",
        [MAPPING_WAITS_ROUTER] = "waits-for-router",
        [MAPPING_WAITS_GATEWAY] = "waits-for-gateway",
        [MAPPING_REFUSED] = "refused",
        [MAPPING_STATIC] = "static",
        [MAPPING_ENDING] = "ending",
    };
    (void)fputs(first ? "\n  {\"client\": " : ",\n  {\"client\": ", out);
    print_address(mapping->client, out);
    (void)fprintf(out, ", \"protocol\": \"%s\", ", status_protocol_text(mapping));
    write_port("internal_port", mapping->internal_port, out);
    write_port("router_port", mapping->router_port, out);
    write_port("external_port", mapping->external_port, out);
    (void)fprintf(out, "\"lease_left_s\": %u, ", mapping->lease_left_s);
    write_age(report, "since", mapping->age_s, out);
    (void)fprintf(out, ", \"changes\": %u, ", (unsigned)mapping->changes);
    write_arrivals(report, mapping, out);
    (void)fprintf(out, ", \"state\": \"%s\", \"text\": ", names[mapping->condition]);
    json_write_string(status_condition_text(mapping).text, out);
    (void)fputc('}', out);
}

void status_json_head(const struct status_report *report, FILE *out)
{
    const struct proxy_status *proxy = &report->head.proxy;
    bool healthy = status_router_trouble(report).what == NULL && status_gateway_trouble(report).what == NULL;
    (void)fprintf(out, "{\"version\": %d,\n \"program\": ", STATUS_JSON_VERSION);
    json_write_string(report->head.version, out);
    (void)fputs(", \"instance\": ", out);
    json_write_string(report->head.instance, out);
    (void)fputs(", \"time\": ", out);
    json_write_time((time_t)report->head.now, out);
    (void)fputs(",\n ", out);
    write_age(report, "started", proxy->uptime_s, out);
    (void)fprintf(out, ", \"healthy\": %s,\n", healthy ? "true" : "false");
    write_router(report, out);
    write_gateway(report, out);
    (void)fprintf(out, " \"clients\": %u, \"dropped_datagrams\": %llu,\n \"check\": ", proxy->clients,
                  (unsigned long long)proxy->dropped);
    if (!report->check.known) {
        (void)fputs("null", out);
        return;
    }
    (void)fputc('{', out);
    write_age(report, "time", report->check.age_s, out);
    (void)fputs(", \"findings\": [", out);
}

void status_json_finding(const struct status_report *report, const struct status_finding *finding, bool first,
                         FILE *out)
{
    (void)fprintf(out, "%s\n  {\"finding\": \"%s\", \"text\": ", first ? "" : ",",
                  finding_name((enum finding_id)finding->finding.id));
    json_write_string(finding->finding.what, out);
    (void)fputs(", \"remedy\": ", out);
    json_write_string(finding->finding.cure[0] != '\0' ? finding->finding.cure : NULL, out);
    (void)fputs(", ", out);
    write_age(report, "since", finding->since_s, out);
    (void)fputc('}', out);
}

void status_json_mappings(const struct status_report *report, FILE *out)
{
    (void)fprintf(out, "%s,\n \"mappings\": [", report->check.known ? "]}" : "");
}

void status_json_tail(FILE *out)
{
    (void)fputs("]}\n", out);
}

void status_report_json(const struct status_report *report, FILE *out)
{
    status_json_head(report, out);
    for (unsigned i = 0; i < report->findings; i++)
        status_json_finding(report, &report->finding[i], i == 0, out);
    status_json_mappings(report, out);
    for (unsigned i = 0; i < report->rows; i++)
        status_json_mapping(report, &report->row[i], i == 0, out);
    status_json_tail(out);
}
