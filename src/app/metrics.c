#include "app/metrics.h"

#include <inttypes.h>

#include "app/json.h"

#define PREFIX "double_natpmp_"

/* The text format names a counter in full in its head, and OpenMetrics without its suffix. */
struct writer_of_metrics {
    FILE *out;
    bool open;
};

static void head(struct writer_of_metrics w, const char *name, const char *suffix, const char *type,
                 const char *help)
{
    const char *ending = w.open ? "" : suffix;
    (void)fprintf(w.out, "# HELP " PREFIX "%s%s %s\n# TYPE " PREFIX "%s%s %s\n", name, ending, help, name,
                  ending, type);
}

static void gauge(struct writer_of_metrics w, const char *name, const char *help, int64_t value)
{
    head(w, name, "", "gauge", help);
    (void)fprintf(w.out, PREFIX "%s %" PRId64 "\n", name, value);
}

static void counter(struct writer_of_metrics w, const char *name, const char *help, uint64_t value)
{
    head(w, name, "_total", "counter", help);
    (void)fprintf(w.out, PREFIX "%s_total %" PRIu64 "\n", name, value);
}

/* Unix time of what is that long ago. */
static int64_t time_of(const struct document *d, uint32_t age_s)
{
    return age_s == AGE_UNKNOWN_S ? 0 : d->report.head.now - age_s;
}

/* ---- of the daemon ---- */

static void write_info(const struct document *d, struct writer_of_metrics w)
{
    const struct proxy_status *status = &d->report.head.proxy;
    head(w, w.open ? "build" : "build_info", "", w.open ? "info" : "gauge", "Versions and the instance.");
    (void)fputs(PREFIX "build_info{version=", w.out);
    json_write_string(d->report.head.version, w.out);
    (void)fputs(",instance_name=", w.out);
    json_write_string(d->report.head.instance, w.out);
    (void)fputs(",routeros=", w.out);
    json_write_string(status->router_version, w.out);
    (void)fputs(",external_address=", w.out);
    json_write_string(status->external_address == 0 ? "" : address_text(status->external_address).text,
                      w.out);
    (void)fputs("} 1\n", w.out);
}

static void write_state(const struct document *d, struct writer_of_metrics w)
{
    const struct proxy_status *status = &d->report.head.proxy;
    bool router = status_router_trouble(&d->report).what == NULL;
    bool gateway = status_gateway_trouble(&d->report).what == NULL;
    gauge(w, "start_time_seconds", "When the daemon was started.", time_of(d, status->uptime_s));
    gauge(w, "up", "1 if rules can be added on the router and the gateway grants leases.", router && gateway);
    gauge(w, "router_up", "1 if rules can be added on the router.", router);
    gauge(w, "gateway_up", "1 if the gateway grants leases.", gateway);
    gauge(w, "gateway_last_answer_timestamp_seconds", "When the gateway answered last; 0: never.",
          time_of(d, status->gateway_silence_s));
    gauge(w, "address_last_change_timestamp_seconds",
          "Since when the gateway has its external address; 0: it is not known.",
          status->external_address == 0 ? 0 : time_of(d, status->external_age_s));
    gauge(w, "counters_last_read_timestamp_seconds",
          "When the counters of the rules were read from the router last; 0: never.",
          time_of(d, status->counters_age_s));
    gauge(w, "mappings", "Mappings that clients have or request.", status->mappings);
    gauge(w, "clients", "Hosts that have or request a mapping.", status->clients);
}

static void write_counters(const struct document *d, struct writer_of_metrics w)
{
    const struct proxy_status *status = &d->report.head.proxy;
    const struct history *h = d->of.history;
    gauge(w, "last_change_timestamp_seconds", "When the gateway changed an external port last; 0: never.",
          h->change_ms == 0 ? 0 : time_of(d, status_age_s(h->change_ms, d->now_ms)));
    counter(w, "port_changes", "Mappings that the gateway gave another external port.", h->changes);
    counter(w, "renewals", "Leases that the gateway granted, first ones and renewals.", status->grants);
    counter(w, "failures", "Requests that the gateway refused or did not answer.", status->failures);
    counter(w, "dropped_datagrams", "Packets that were no valid requests from an allowed source.",
            status->dropped);
}

static void write_head(const struct document *d, struct writer_of_metrics w)
{
    write_info(d, w);
    write_state(d, w);
    write_counters(d, w);
}

/* ---- of each mapping ---- */

static void write_row(const char *name, const struct mapping_status *mapping, uint64_t value, FILE *out)
{
    (void)fprintf(out, PREFIX "%s{client=\"%s\",protocol=\"%s\",internal_port=\"%u\"} %" PRIu64 "\n", name,
                  address_text(mapping->client).text, status_protocol_text(mapping),
                  (unsigned)mapping->internal_port, value);
}

static void port_row(struct document *d, const struct mapping_status *mapping, FILE *out)
{
    (void)d;
    if (mapping->external_port != 0)
        write_row("current_port", mapping, mapping->external_port, out);
}

static void forwards_row(struct document *d, const struct mapping_status *mapping, FILE *out)
{
    (void)d;
    write_row("mapping_up", mapping, status_forwards(mapping), out);
}

static void lease_row(struct document *d, const struct mapping_status *mapping, FILE *out)
{
    (void)d;
    write_row("mapping_lease_seconds", mapping, mapping->lease_left_s, out);
}

static void changes_row(struct document *d, const struct mapping_status *mapping, FILE *out)
{
    (void)d;
    write_row("mapping_port_changes_total", mapping, mapping->changes, out);
}

/* What the router does not show has no sample. */
static void connections_row(struct document *d, const struct mapping_status *mapping, FILE *out)
{
    (void)d;
    if (mapping->counted)
        write_row("mapping_connections_total", mapping, mapping->connections, out);
}

static void bytes_row(struct document *d, const struct mapping_status *mapping, FILE *out)
{
    (void)d;
    if (mapping->counted)
        write_row("mapping_first_packet_bytes_total", mapping, mapping->first_bytes, out);
}

static void arrival_row(struct document *d, const struct mapping_status *mapping, FILE *out)
{
    if (mapping->counted)
        write_row("mapping_last_connection_timestamp_seconds", mapping,
                  (uint64_t)time_of(d, mapping->arrival_age_s), out);
}

#define FAMILIES(X)                                                                                          \
    X(port, "current_port", "", "gauge", "The external port of a mapping.")                                  \
    X(forwards, "mapping_up", "", "gauge", "1 if packets to the external port reach the host.")              \
    X(lease, "mapping_lease_seconds", "", "gauge", "For how long the gateway certainly forwards.")           \
    X(changes, "mapping_port_changes", "_total", "counter",                                                  \
      "How often the host was advertised another external port than before.")                                \
    X(connections, "mapping_connections", "_total", "counter",                                               \
      "New connections that arrived at the rule, by its counter on the router.")                             \
    X(bytes, "mapping_first_packet_bytes", "_total", "counter",                                              \
      "Bytes of the first packets of these connections; the rule sees no others.")                           \
    X(arrival, "mapping_last_connection_timestamp_seconds", "", "gauge",                                     \
      "The last of them arrived then or later; 0: there was none, or it is not known.")

#define HEADS(family, name, suffix, type, help)                                                              \
    static void family##_text(struct document *d, FILE *out)                                                 \
    {                                                                                                        \
        (void)d;                                                                                             \
        head((struct writer_of_metrics){out, false}, name, suffix, type, help);                              \
    }                                                                                                        \
    static void family##_open(struct document *d, FILE *out)                                                 \
    {                                                                                                        \
        (void)d;                                                                                             \
        head((struct writer_of_metrics){out, true}, name, suffix, type, help);                               \
    }
FAMILIES(HEADS)
#undef HEADS

/* ---- the documents ---- */

static void head_text(struct document *d, FILE *out)
{
    write_head(d, (struct writer_of_metrics){out, false});
}

static void head_open(struct document *d, FILE *out)
{
    write_head(d, (struct writer_of_metrics){out, true});
}

static void end_open(struct document *d, FILE *out)
{
    (void)d;
    (void)fputs("# EOF\n", out);
}

#define SECTION_TEXT(family, name, suffix, type, help) {.head = family##_text, .row = family##_row},
#define SECTION_OPEN(family, name, suffix, type, help) {.head = family##_open, .row = family##_row},

const struct section metrics_text[] = {{.head = head_text}, FAMILIES(SECTION_TEXT){0}};
const struct section metrics_open[] = {{.head = head_open}, FAMILIES(SECTION_OPEN){.tail = end_open}, {0}};
