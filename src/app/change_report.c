#include "app/change_report.h"

#include "app/json.h"

static const char *const kinds[NOTICES] = {
    [NOTICE_MAPPED] = "mapped",   [NOTICE_CHANGED] = "changed", [NOTICE_ENDED] = "ended",
    [NOTICE_ADDRESS] = "address", [NOTICE_TROUBLE] = "trouble", [NOTICE_RECOVERED] = "recovered",
};

static void print_address(const char *name, uint32_t address, FILE *out)
{
    (void)fprintf(out, ", \"%s\": ", name);
    json_write_string(address == 0 ? NULL : address_text(address).text, out);
}

static void write_port(const char *name, uint16_t port, FILE *out)
{
    if (port == 0)
        (void)fprintf(out, ", \"%s\": null", name);
    else
        (void)fprintf(out, ", \"%s\": %u", name, (unsigned)port);
}

static void write_mapping(const struct notice *notice, FILE *out)
{
    const char *protocol = notice->protocol == NATPMP_TCP ? "tcp" : "udp";
    print_address("client", notice->client, out);
    (void)fputs(", \"protocol\": ", out);
    json_write_string(notice->client == 0 ? NULL : protocol, out);
    write_port("internal_port", notice->internal_port, out);
    write_port("router_port", notice->router_port, out);
    print_address("external_address", notice->external_address, out);
    write_port("external_port", notice->external_port, out);
    if (notice->kind == NOTICE_CHANGED)
        write_port("previous_port", notice->before, out);
}

static void write_part(const struct notice *notice, FILE *out)
{
    struct proxy_status status = {.standing_by = notice->standing_by};
    struct status_trouble trouble;
    bool router = notice->part == NOTICE_ROUTER;
    if (router)
        status.router_failure = (enum failure)notice->trouble;
    else
        status.gateway_trouble = (enum gateway_trouble)notice->trouble;
    trouble = router ? router_trouble(&status) : gateway_trouble(&status);
    (void)fprintf(out, ", \"part\": \"%s\"", router ? "router" : "gateway");
    if (notice->kind == NOTICE_RECOVERED)
        return;
    (void)fputs(", \"trouble\": ", out);
    json_write_string(trouble.what, out);
    (void)fputs(", \"remedy\": ", out);
    json_write_string(trouble.remedy, out);
}

static void begin(const char *event, time_t at, FILE *out)
{
    (void)fprintf(out, "{\"event\": \"%s\", \"time\": ", event);
    json_write_time(at, out);
}

void change_report(const struct notice *notice, time_t at, bool initial, FILE *out)
{
    begin(kinds[notice->kind], at, out);
    switch ((enum notice_kind)notice->kind) {
    case NOTICE_MAPPED:
    case NOTICE_CHANGED:
    case NOTICE_ENDED:
        write_mapping(notice, out);
        break;
    case NOTICE_ADDRESS:
        print_address("external_address", notice->external_address, out);
        break;
    case NOTICE_TROUBLE:
    case NOTICE_RECOVERED:
        write_part(notice, out);
        break;
    case NOTICES:
        break;
    }
    (void)fprintf(out, ", \"initial\": %s}\n", initial ? "true" : "false");
}

void change_report_lost(unsigned long long lines, time_t at, FILE *out)
{
    begin("lost", at, out);
    (void)fprintf(out, ", \"lines\": %llu, \"initial\": false}\n", lines);
}

/* ---- the state ---- */

static uint8_t kind_of(const char *trouble)
{
    return trouble == NULL ? NOTICE_RECOVERED : NOTICE_TROUBLE;
}

static void report_parts(const struct status_report *report, FILE *out)
{
    const struct proxy_status *proxy = &report->head.proxy;
    struct notice router = {.kind = kind_of(router_trouble_text(proxy)),
                            .part = NOTICE_ROUTER,
                            .trouble = proxy->router_failure,
                            .standing_by = proxy->standing_by};
    struct notice gateway = {.kind = kind_of(gateway_state_text(proxy)),
                             .part = NOTICE_GATEWAY,
                             .trouble = proxy->gateway_trouble};
    struct notice address = {.kind = NOTICE_ADDRESS, .external_address = proxy->external_address};
    change_report(&router, (time_t)report->head.now, true, out);
    change_report(&gateway, (time_t)report->head.now, true, out);
    change_report(&address, (time_t)report->head.now, true, out);
}

void change_report_state(const struct status_report *report, FILE *out)
{
    report_parts(report, out);
    for (unsigned i = 0; i < report->rows; i++) {
        const struct mapping_status *row = &report->row[i];
        struct notice mapped = {.kind = NOTICE_MAPPED,
                                .client = row->client,
                                .external_address = report->head.proxy.external_address,
                                .internal_port = row->internal_port,
                                .router_port = row->router_port,
                                .external_port = row->noted,
                                .protocol = row->protocol};
        if (row->noted != 0)
            change_report(&mapped, (time_t)report->head.now, true, out);
    }
}
