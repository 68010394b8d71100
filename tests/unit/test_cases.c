/* Configurations of routers as people have them, tests/cases: the check reads each of them from the router
 * model, and its findings are what is true of the configuration. */
#include <glob.h>
#include <stdio.h>

#include "check/address_lists.h"
#include "check/judge.h"
#include "core/taken_ports.h"
#include "core/router_rows.h"
#include "inquiry_unit.h"
#include "json.h"
#include "remedies_unit.h"

static const uint32_t us = 0xac1efe02;

static struct findings findings;
static struct judge_room room;

static const struct finding *find(const char *name)
{
    for (unsigned i = 0; i < findings.count; i++)
        if (strcmp(finding_name((enum finding_id)findings.at[i].id), name) == 0)
            return &findings.at[i];
    return NULL;
}

/* Our packet has left by the tunnel, which the main table does not show, and the router's masquerade has put
 * the tunnel's address in the place of ours. */
static void note_flow(const struct json *truth)
{
    const struct router_model_flow flow = {
        .source = us, .destination = 0x0a020001, .source_port = 40000, .destination_port = 5351};
    bool led = strcmp(json_text(truth, "way to the gateway"), json_text(truth, "way by the main table")) != 0;
    if (!led || strcmp(json_text(truth, "our flow is src-natted"), "yes") != 0 ||
        strcmp(json_text(truth, "container to gateway"), "pass") != 0)
        return;
    router_model_connections_begin(router);
    router_model_connection_add(router, now_ms, &flow, (struct router_model_end){0x0a020001, 5351},
                                0x0a020002, false, 29);
    router_model_connections_end(router);
}

/* Reads the router and judges. The gateway is silent, because the paths to it are what is in question. */
static void inquire(const char *path, const struct json *truth)
{
    static const struct check_config about = {.gateway = 0x0a020001,
                                              .listen_port = 5351,
                                              .router_host = "r",
                                              .router_port = 8728,
                                              .user = "admin",
                                              .password = "",
                                              .instance = "default",
                                              .in_interface = "",
                                              .change_script = ""};
    char version[ROUTER_MODEL_TEXT_MAX];
    assert_true(router_model_case_version(path, version));
    struct router_model_options options = router_model_defaults(version);
    start_inquiry(&options, &about, false);
    if (!router_model_case_load(router, path))
        fail_msg("%s: %s", path, router_model_error(router));
    gateway_answers = false;
    note_flow(truth);
    subject->survey.own[subject->survey.owns++] = us;
    subject->survey.local = us;
    run(UINT32_MAX);
    assert_int_equal(subject->survey.failure, FAILURE_NONE);
    judge(&subject->survey, &room, &findings);
}

static void show(void)
{
    for (unsigned i = 0; i < findings.count; i++)
        (void)printf(
            "  %s %s: %s\n      %s\n", finding_status_name((enum finding_status)findings.at[i].status),
            finding_name((enum finding_id)findings.at[i].id), findings.at[i].what, findings.at[i].cure);
}

/* `allowed`: statuses separated by '/', or "missing". */
static unsigned compare(const char *path, const char *name, const char *allowed)
{
    const struct finding *f = find(name);
    const char *status = f != NULL ? finding_status_name((enum finding_status)f->status) : "missing";
    if (strstr(allowed, status) != NULL)
        return 0;
    (void)printf("%s: %s is %s, not %s: %s\n", strrchr(path, '/') + 1, name, status, allowed,
                 f != NULL ? f->what : "");
    return 1;
}

/* What the truth says in words of its own, and the finding that says it. A text that begins otherwise means
 * that packets are lost. */
static const struct {
    const char *key;
    const char *finding;
    const char *good;
} truths[] = {
    {"our flow is src-natted", "gateway-source", "yes"},
    {"LAN request to container", "request-path", "ok"},
    {"container to gateway", "gateway-path", "pass"},
    {"tunnel to client (forward)", "forward", "pass"},
    {"client's answer", "return-path", "ok"},
    {"lost once fasttracked", "fasttrack", "false"},
};

static unsigned compare_truth(const char *path, const struct json *truth)
{
    unsigned wrong = 0;
    /* A check that finds no way to the gateway says nothing about the packets on it. */
    bool lost = find("interface")->status == FINDING_FAIL;
    for (size_t i = 0; i < ARRAY_LEN(truths); i++) {
        const char *text = json_text(truth, truths[i].key);
        bool good = strncmp(text, truths[i].good, strlen(truths[i].good)) == 0;
        const char *allowed = good ? "pass" : strstr(text, "maybe") != NULL ? "warn" : "fail";
        if (text[0] == '\0')
            fail_msg("%s does not say: %s", path, truths[i].key);
        if (find(truths[i].finding) == NULL && (lost || (strcmp(truths[i].finding, "fasttrack") == 0 &&
                                                         find("return-path")->status != FINDING_PASS)))
            continue;
        wrong += compare(path, truths[i].finding, allowed);
    }
    for (const struct json *f = json_get(truth, "findings")->child; f != NULL; f = f->next)
        wrong += compare(path, f->key, f->text);
    return wrong;
}

/* The rule of the README for the requests of the LAN. */
static bool takes_requests(const struct ros_sentence *row)
{
    return row_is(row, "dst-port", "5351");
}

static void context_of(const char *interface, struct nat_context *ret_context)
{
    const struct survey *s = &subject->survey;
    copy_interface(ret_context->interface, span_text(interface));
    for (struct table_rows t = table_rows_of(s, TABLE_INTERFACE); table_rows_next(&t) != NULL;)
        nat_context_set_type(ret_context, t.row);
    for (struct table_rows t = table_rows_of(s, TABLE_ADDRESS); table_rows_next(&t) != NULL;)
        nat_context_add_address(ret_context, t.row);
    for (struct table_rows t = table_rows_of(s, TABLE_LIST); table_rows_next(&t) != NULL;)
        nat_context_add_list(ret_context, t.row);
    for (struct table_rows t = table_rows_of(s, TABLE_MEMBER); table_rows_next(&t) != NULL;)
        nat_context_add_member(ret_context, t.row);
}

/* Which ports are free for rules that stand before all others, as ours do, so that only rules that name a
 * port matter. */
static unsigned compare_ports(const char *path, const struct json *truth)
{
    static const char *const protocols[] = {[NATPMP_UDP] = "udp", [NATPMP_TCP] = "tcp"};
    static struct taken_ports taken_ports;
    static struct taken_set ports;
    const struct address_lists lists = {.state = &subject->survey, .cover = address_lists_cover};
    struct nat_context context = {.instance = "default"};
    const struct json *asked = json_get(truth, "ports asked for, of rules before all others");
    unsigned wrong = 0;
    if (asked == NULL)
        asked = json_get(truth, "ports asked for");
    context_of(json_text(truth, "way to the gateway"), &context);
    for (unsigned i = 0; i < ARRAY_LEN(protocols); i++) {
        memset(&ports, 0, sizeof(ports));
        taken_ports_begin(&taken_ports, &context, (enum natpmp_protocol)i);
        taken_ports.packet.lists = &lists;
        for (struct table_rows t = table_rows_of(&subject->survey, TABLE_NAT); table_rows_next(&t) != NULL;)
            if (!takes_requests(t.row))
                taken_ports_add(&taken_ports, t.row);
        (void)taken_ports_end(&taken_ports, &ports);
        for (const struct json *port = json_get(asked, protocols[i])->child; port != NULL;
             port = port->next) {
            uint16_t number = (uint16_t)strtoul(port->key, NULL, 10);
            const char *found = portset_has(&ports.sure, number)      ? "taken"
                                : portset_has(&ports.doubted, number) ? "maybe"
                                                                      : "free";
            if (strcmp(found, port->text) == 0)
                continue;
            (void)printf("%s: %s %s is %s, not %s\n", strrchr(path, '/') + 1, protocols[i], port->key, found,
                         port->text);
            wrong++;
        }
    }
    return wrong;
}

static unsigned check_case(const char *path)
{
    struct json *c = json_read(path);
    assert_non_null(c);
    inquire(path, json_get(c, "truth"));
    unsigned wrong = compare_truth(path, json_get(c, "truth")) + compare_ports(path, json_get(c, "truth"));
    if (getenv("SHOW") != NULL)
        show();
    note_remedies(&subject->survey, &findings);
    json_free(c);
    tear_down();
    return wrong;
}

static void test_the_findings_are_true(void **state)
{
    (void)state;
    glob_t files;
    unsigned wrong = 0;
    assert_int_equal(glob(SOURCE_DIR "/../cases/*.json", 0, NULL, &files), 0);
    assert_true(files.gl_pathc >= 10);
    for (size_t i = 0; i < files.gl_pathc; i++)
        wrong += check_case(files.gl_pathv[i]);
    globfree(&files);
    assert_int_equal(wrong, 0);
}

UNIT(cases)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_findings_are_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
