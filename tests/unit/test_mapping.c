/* The tables of mappings, clients and pending replies. */
#include <stdlib.h>

#include "unit.h"

#include "base/prng.h"
#include "core/mapping.h"
#include "core/nat_rule.h"
#include "core/upstream.h"

enum { HOST_A = 0xc0a8580b, HOST_B = 0xc0a8580c };

static struct mapping_tables *t;

/* Fresh memory instead of memset, so that only the pages that a test uses are allocated. */
static int start(void **state)
{
    (void)state;
    t = calloc(1, sizeof(*t));
    return t == NULL;
}

static int stop(void **state)
{
    (void)state;
    free(t);
    return 0;
}

static uint16_t new_mapping(uint32_t address, enum natpmp_protocol protocol, uint16_t internal_port)
{
    uint16_t m = mapping_new(t, address, protocol, internal_port);
    assert_int_not_equal(m, 0);
    return m;
}

/* ---- keys ---- */

/* [M-12] */
static void test_a_key_is_client_protocol_and_port(void **state)
{
    (void)state;
    uint16_t udp = new_mapping(HOST_A, NATPMP_UDP, 6881);
    uint16_t tcp = new_mapping(HOST_A, NATPMP_TCP, 6881);
    uint16_t other_port = new_mapping(HOST_A, NATPMP_TCP, 6882);
    uint16_t other_host = new_mapping(HOST_B, NATPMP_TCP, 6881);
    assert_int_equal(mapping_find(t, HOST_A, NATPMP_UDP, 6881), udp);
    assert_int_equal(mapping_find(t, HOST_A, NATPMP_TCP, 6881), tcp);
    assert_int_equal(mapping_find(t, HOST_A, NATPMP_TCP, 6882), other_port);
    assert_int_equal(mapping_find(t, HOST_B, NATPMP_TCP, 6881), other_host);
    assert_int_equal(mapping_find(t, HOST_B, NATPMP_UDP, 6881), 0);
    assert_int_equal(mapping_address(t, other_host), HOST_B);
    assert_int_equal(t->records, 4);
    assert_int_equal(t->clients, 2);
    mapping_free(t, tcp);
    assert_int_equal(mapping_find(t, HOST_A, NATPMP_TCP, 6881), 0);
    assert_int_equal(mapping_find(t, HOST_A, NATPMP_UDP, 6881), udp);
    assert_int_equal(new_mapping(HOST_B, NATPMP_UDP, 1), tcp); /* the record is used again, and clean */
    assert_int_equal(mapping_at(t, tcp)->router_port, 0);
}

static void test_a_client_goes_with_its_last_mapping(void **state)
{
    (void)state;
    uint16_t first = new_mapping(HOST_A, NATPMP_UDP, 1);
    uint16_t second = new_mapping(HOST_A, NATPMP_UDP, 2);
    uint16_t c = client_find(t, HOST_A);
    assert_int_equal(t->client[c].records, 2);
    mapping_free(t, first);
    assert_int_equal(client_find(t, HOST_A), c);
    mapping_free(t, second);
    assert_int_equal(client_find(t, HOST_A), 0);
    assert_int_equal(t->clients, 0);
}

static void test_a_client_stays_while_a_reply_is_pending(void **state)
{
    (void)state;
    struct pending_reply reply = {.path.to = {HOST_A, 5}};
    uint16_t c = client_take(t, HOST_A);
    assert_true(pending_add(t, &t->client[c].delete_all_pending[NATPMP_TCP], &reply));
    client_release(t, c);
    assert_int_equal(client_find(t, HOST_A), c);
    assert_true(pending_take(t, &t->client[c].delete_all_pending[NATPMP_TCP], &reply));
    client_release(t, c);
    assert_int_equal(client_find(t, HOST_A), 0);
}

/* ---- ports ---- */

static void test_router_ports(void **state)
{
    (void)state;
    uint16_t udp = new_mapping(HOST_A, NATPMP_UDP, 6881);
    uint16_t tcp = new_mapping(HOST_A, NATPMP_TCP, 6881);
    mapping_set_router_port(t, udp, 7000);
    assert_int_equal(mapping_find_router_port(t, NATPMP_UDP, 7000), udp);
    assert_int_equal(mapping_find_router_port(t, NATPMP_TCP, 7000), 0);
    assert_true(portset_has(&t->router_ports, 7000));
    mapping_set_router_port(t, tcp, 7000);
    mapping_set_router_port(t, udp, 7001);
    assert_int_equal(mapping_find_router_port(t, NATPMP_UDP, 7000), 0);
    assert_int_equal(mapping_find_router_port(t, NATPMP_UDP, 7001), udp);
    assert_true(portset_has(&t->router_ports, 7000)); /* TCP still has it */
    mapping_set_router_port(t, tcp, 0);
    assert_false(portset_has(&t->router_ports, 7000));
    mapping_free(t, udp);
    assert_false(portset_has(&t->router_ports, 7001));
    assert_int_equal(mapping_find_router_port(t, NATPMP_UDP, 7001), 0);
}

/* RFC 6886 section 3.3: the other protocol of a port is kept for the same client. [M-09] [M-10] */
static void test_the_companion_port_is_the_clients_own(void **state)
{
    (void)state;
    uint16_t m = new_mapping(HOST_A, NATPMP_UDP, 6881);
    mapping_set_router_port(t, m, 7000);
    assert_false(mapping_port_free(t, HOST_A, NATPMP_UDP, 7000));
    assert_true(mapping_port_free(t, HOST_A, NATPMP_TCP, 7000));
    assert_false(mapping_port_free(t, HOST_B, NATPMP_UDP, 7000));
    assert_false(mapping_port_free(t, HOST_B, NATPMP_TCP, 7000));
    assert_true(mapping_port_free(t, HOST_B, NATPMP_TCP, 7001));
}

/* Gives the mapping a lease with this external port. */
static void grant(uint16_t m, uint16_t external_port)
{
    struct upstream_outcome o = {.type = UPSTREAM_GRANTED, .external_port = external_port, .lifetime_s = 60};
    lease_on_granted(t, m, &o, 1000);
}

static void test_without_a_lease_there_is_no_external_port(void **state)
{
    (void)state;
    uint16_t m = new_mapping(HOST_A, NATPMP_UDP, 1);
    grant(m, 41000);
    lease_on_state_lost(t, m);
    mapping_set_wanted(t, m, true);
    grant(m, 41000);
    lease_on_state_lost(t, m);
    assert_int_equal(mapping_find_external_port(t, NATPMP_UDP, 41000), m);
    lease_on_gone(t, m);
    assert_int_equal(mapping_at(t, m)->lease.external_port, 0);
    assert_int_equal(mapping_find_external_port(t, NATPMP_UDP, 41000), 0);
}

/* An earlier back-off must not keep the lease of a mapping that has ended. */
static void test_what_is_not_wanted_is_undone_at_once(void **state)
{
    (void)state;
    uint16_t m = new_mapping(HOST_A, NATPMP_UDP, 1);
    mapping_set_wanted(t, m, true);
    lease_retry_at(t, m, 5000);
    lease_end(t, m);
    assert_false(mapping_at(t, m)->wanted);
    assert_int_equal(mapping_at(t, m)->lease.retry_ms, 0);
    lease_retry_at(t, m, 5000);
    lease_end(t, m); /* the mapping has ended: the pause is that of the deletion */
    assert_int_equal(mapping_at(t, m)->lease.retry_ms, 5000);
}

static void test_external_ports_and_rules(void **state)
{
    (void)state;
    uint16_t a = new_mapping(HOST_A, NATPMP_UDP, 1);
    uint16_t b = new_mapping(HOST_B, NATPMP_TCP, 1);
    struct nat_rule row = {.id = 0x1B, .ours = true};
    grant(a, 41000);
    grant(b, 41000);
    assert_int_equal(mapping_find_external_port(t, NATPMP_UDP, 41000), a);
    assert_int_equal(mapping_find_external_port(t, NATPMP_TCP, 41000), b);
    grant(a, 41001);
    assert_int_equal(mapping_find_external_port(t, NATPMP_UDP, 41000), 0);
    rule_on_add_sent(t, a);
    assert_int_equal(mapping_find_rule(t, 0x1A), 0);
    rule_on_added(t, a, 0x1A, 1, 1000);
    assert_int_equal(mapping_find_rule(t, 0x1A), a);
    rule_on_row(t, a, &row, 2);
    assert_int_equal(mapping_find_rule(t, 0x1A), 0);
    assert_int_equal(mapping_find_rule(t, 0x1B), a);
    assert_true(mapping_at(t, a)->rule.wrong && mapping_at(t, a)->rule.comment_stale);
    rule_on_gone(t, a);
    assert_int_equal(mapping_find_rule(t, 0x1B), 0);
    assert_false(mapping_at(t, a)->rule.wrong || mapping_at(t, a)->rule.comment_stale);
}

/* ---- begin and end of a mapping ---- */

static void test_counters(void **state)
{
    (void)state;
    uint16_t m = new_mapping(HOST_A, NATPMP_UDP, 1);
    const struct client *client = &t->client[client_find(t, HOST_A)];
    struct natpmp_request request = {.lifetime_s = 60};
    mapping_set_wanted(t, m, true);
    mapping_set_wanted(t, m, true);
    job_begin_map(t, m, &request, false, 0);
    job_begin_map(t, m, &request, false, 0);
    assert_int_equal(client->live, 1);
    assert_int_equal(t->live, 1);
    assert_int_equal(client->map_jobs, 1);
    job_begin_delete(t, m, 0);
    assert_int_equal(client->map_jobs, 0);
    mapping_set_wanted(t, m, false);
    assert_int_equal(client->live, 0);
    assert_int_equal(t->live, 0);
}

static void test_over(void **state)
{
    (void)state;
    uint16_t m = new_mapping(HOST_A, NATPMP_UDP, 1);
    struct mapping *mapping = mapping_at(t, m);
    struct mapping clean = *mapping;
    assert_true(mapping_is_over(t, m));
    struct mapping held[] = {clean, clean, clean, clean, clean, clean, clean};
    held[0].wanted = true;
    held[1].rule.state = RULE_UNSURE;
    held[2].lease.state = LEASE_UNSURE;
    held[3].lease.asking = true;
    held[4].job.pending = 1;
    held[5].job.kind = JOB_DELETE;
    held[6].rule.comment_setting = true;
    for (size_t i = 0; i < ARRAY_LEN(held); i++) {
        *mapping = held[i];
        assert_false(mapping_is_over(t, m));
    }
    *mapping = clean;
}

static void test_quarantine(void **state)
{
    (void)state;
    uint16_t first = new_mapping(HOST_A, NATPMP_UDP, 1);
    uint16_t second = new_mapping(HOST_A, NATPMP_UDP, 2);
    assert_false(mapping_free_quarantined_of(t, client_find(t, HOST_A)));
    mapping_quarantine(t, second, 1000);
    mapping_quarantine(t, first, 1000);
    mapping_quarantine(t, first, 1000);
    assert_int_equal(t->quarantined, 2);
    mapping_wake(t, second);
    mapping_wake(t, second);
    assert_int_equal(t->quarantined, 1);
    assert_true(mapping_free_quarantined_of(t, client_find(t, HOST_A)));
    assert_int_equal(mapping_find(t, HOST_A, NATPMP_UDP, 1), 0);
    assert_int_equal(mapping_find(t, HOST_A, NATPMP_UDP, 2), second);
    assert_int_equal(t->quarantined, 0);
}

/* A freed record is in no queue. Otherwise drive() would handle another mapping in its place. */
static void test_a_freed_record_is_in_no_queue(void **state)
{
    (void)state;
    uint16_t m = new_mapping(HOST_A, NATPMP_UDP, 1);
    uint16_t c = client_find(t, HOST_A);
    uint16_t other = new_mapping(HOST_A, NATPMP_UDP, 2);
    list_push(&t->router, t->to_router, m);
    list_push(&t->client[c].queue, t->to_ask, m);
    mapping_touch(t, m);
    mapping_touch(t, m);
    mapping_quarantine(t, m, 1000);
    heap_set(&t->due, m, 5);
    mapping_set_router_port(t, m, 7000);
    mapping_free(t, m);
    assert_int_equal(t->router.first, 0);
    assert_int_equal(t->client[c].queue.first, 0);
    assert_int_equal(t->drive.first, 0);
    assert_int_equal(t->quarantine.first, 0);
    assert_int_equal(t->quarantined, 0);
    assert_int_equal(heap_first(&t->due), 0);
    assert_int_equal(mapping_find_external_port(t, NATPMP_UDP, 41000), 0);
    assert_int_equal(t->client[c].mappings.first, other);
}

/* ---- full ---- */

static void test_a_client_with_all_in_quarantine_makes_room(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CLIENTS_MAX; i++)
        new_mapping(HOST_A + i, NATPMP_UDP, 1);
    assert_int_equal(client_take(t, HOST_A + CLIENTS_MAX), 0);
    mapping_quarantine(t, 3, 1000);
    new_mapping(HOST_A + 2, NATPMP_UDP, 2);
    assert_int_equal(client_take(t, HOST_A + CLIENTS_MAX),
                     0); /* it has another one that is not in quarantine */
    mapping_quarantine(t, 5, 1000);
    mapping_quarantine(t, 4, 1000);
    mapping_quarantine(t, 6, 1000);
    struct pending_reply reply = {.path.to = {HOST_A + 4, 5}};
    assert_true(pending_add(t, &t->client[client_find(t, HOST_A + 4)].address_pending, &reply));
    assert_int_not_equal(client_take(t, HOST_A + CLIENTS_MAX), 0);
    assert_int_equal(client_find(t, HOST_A + 3), 0); /* the one without a pending reply */
    assert_int_not_equal(client_find(t, HOST_A + 4), 0);
    assert_int_not_equal(client_find(t, HOST_A + 5), 0);
    assert_int_equal(t->clients, CLIENTS_MAX);
}

static void test_an_external_port_is_quarantined_for_its_client(void **state)
{
    (void)state;
    uint16_t a = new_mapping(HOST_A, NATPMP_UDP, 1);
    uint16_t own = new_mapping(HOST_A, NATPMP_TCP, 2);
    uint16_t other = new_mapping(HOST_B, NATPMP_TCP, 1);
    mapping_set_wanted(t, a, true);
    mapping_at(t, a)->promise.port = 41000;
    assert_false(mapping_port_is_quarantined(t, other, 41000, 0)); /* it is active */
    mapping_set_wanted(t, a, false);
    assert_true(mapping_port_is_quarantined(t, other, 41000, UINT64_MAX)); /* its removal is not finished */
    mapping_quarantine(t, a, 1000);
    assert_true(mapping_port_is_quarantined(t, other, 41000, 1000));
    assert_false(mapping_port_is_quarantined(t, other, 41000, 1001));
    assert_false(mapping_port_is_quarantined(t, other, 41001, 0));
    assert_false(mapping_port_is_quarantined(t, own, 41000, 0));
    mapping_wake(t, a);
    mapping_set_wanted(t, a, true);
    assert_true(mapping_port_is_quarantined(t, other, 41000, 1001)); /* requested, and not granted yet */
    mapping_unrelease(t, a);
    assert_false(mapping_port_is_quarantined(t, other, 41000, 0));
    mapping_set_wanted(t, a, false);
    mapping_quarantine(t, a, 2000);
    mapping_free(t, a);
    assert_false(mapping_port_is_quarantined(t, other, 41000, 0));
}

static void test_a_full_table_frees_what_is_in_quarantine_longest(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MAPPINGS_MAX; i++)
        new_mapping(0x0a000001 + i % 4000, NATPMP_UDP, (uint16_t)(1 + i / 4000));
    assert_int_equal(t->records, MAPPINGS_MAX);
    assert_int_equal(mapping_new(t, HOST_A, NATPMP_TCP, 1), 0);
    assert_int_equal(client_find(t, HOST_A), 0);
    mapping_quarantine(t, 500, 1000);
    mapping_quarantine(t, 400, 1000);
    assert_int_equal(mapping_new(t, HOST_A, NATPMP_TCP, 1), 500);
    assert_int_equal(mapping_new(t, HOST_A, NATPMP_TCP, 2), 400);
    assert_int_equal(mapping_new(t, HOST_A, NATPMP_TCP, 3), 0);
    assert_int_equal(t->records, MAPPINGS_MAX);
}

static void test_a_full_table_of_clients(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CLIENTS_MAX; i++)
        new_mapping(0x0a000001 + i, NATPMP_UDP, 1);
    for (unsigned i = 0; i < 3; i++) /* and nothing is leaked */
        assert_int_equal(mapping_new(t, HOST_A, NATPMP_UDP, 1), 0);
    assert_int_equal(t->used_mappings, CLIENTS_MAX + 1);
    mapping_free(t, mapping_find(t, 0x0a000001, NATPMP_UDP, 1));
    assert_int_not_equal(mapping_new(t, HOST_A, NATPMP_UDP, 1), 0);
    assert_int_equal(t->clients, CLIENTS_MAX);
}

/* ---- pending replies ---- */

static void test_pending_replies(void **state)
{
    (void)state;
    uint16_t list = 0;
    for (unsigned i = 0; i < PENDING_PER_REQUEST_MAX; i++) {
        struct pending_reply reply = {.path.to = {HOST_A, (uint16_t)(100 + i)}, .since_ms = i};
        assert_true(pending_add(t, &list, &reply));
        reply.since_ms = 99; /* a retransmission: the first one counts */
        assert_true(pending_add(t, &list, &reply));
    }
    struct pending_reply one_more = {.path.to = {HOST_A, 99}};
    assert_false(pending_add(t, &list, &one_more));
    struct pending_reply same_port = {.path.to = {HOST_B, 100}};
    assert_false(pending_add(t, &list, &same_port));
    struct pending_reply taken;
    for (unsigned i = 0; i < PENDING_PER_REQUEST_MAX; i++) {
        assert_true(pending_take(t, &list, &taken));
        assert_int_equal(taken.path.to.port, 100 + i);
        assert_int_equal(taken.since_ms, i);
    }
    assert_false(pending_take(t, &list, &taken));
    assert_int_equal(list, 0);
}

static void test_pending_replies_run_out(void **state)
{
    (void)state;
    static uint16_t lists[PENDING_REPLIES_MAX + 1];
    memset(lists, 0, sizeof(lists));
    struct pending_reply reply = {.path.to = {HOST_A, 1}};
    for (unsigned i = 0; i < PENDING_REPLIES_MAX; i++)
        assert_true(pending_add(t, &lists[i], &reply));
    assert_false(pending_add(t, &lists[PENDING_REPLIES_MAX], &reply));
    assert_int_equal(lists[PENDING_REPLIES_MAX], 0);
    assert_true(pending_take(t, &lists[7], &reply));
    assert_true(pending_add(t, &lists[PENDING_REPLIES_MAX], &reply));
}

/* ---- at random, against a plain array ---- */

enum { MODEL_PORTS = 40, MODEL_HOSTS = 5 };

static struct model {
    uint16_t m;
    uint16_t router_port;
} model[MODEL_HOSTS][2][MODEL_PORTS];

static void random_step(struct prng *prng)
{
    unsigned host = prng_below(prng, MODEL_HOSTS);
    unsigned protocol = prng_below(prng, 2);
    unsigned port = prng_below(prng, MODEL_PORTS);
    struct model *one = &model[host][protocol][port];
    uint16_t router_port = (uint16_t)(1 + prng_below(prng, 60));
    if (one->m == 0) {
        one->m = new_mapping(1 + host, (enum natpmp_protocol)protocol, (uint16_t)(1 + port));
    } else if (prng_below(prng, 3) == 0) {
        mapping_free(t, one->m);
        *one = (struct model){0};
    } else if (mapping_port_free(t, 1 + host, (enum natpmp_protocol)protocol, router_port)) {
        mapping_set_router_port(t, one->m, router_port);
        one->router_port = router_port;
    }
}

static void check_model(void)
{
    unsigned holders[2][61] = {{0}};
    unsigned records = 0;
    for (unsigned h = 0; h < MODEL_HOSTS; h++) {
        for (unsigned i = 0; i < 2 * MODEL_PORTS; i++) {
            enum natpmp_protocol protocol = (enum natpmp_protocol)(i % 2);
            const struct model *one = &model[h][protocol][i / 2];
            assert_int_equal(mapping_find(t, 1 + h, protocol, (uint16_t)(1 + i / 2)), one->m);
            records += one->m != 0;
            if (one->router_port == 0)
                continue;
            assert_int_equal(holders[protocol][one->router_port], 0);
            assert_true(holders[!protocol][one->router_port] == 0 ||
                        holders[!protocol][one->router_port] == 1 + h);
            holders[protocol][one->router_port] = 1 + h;
            assert_int_equal(mapping_find_router_port(t, protocol, one->router_port), one->m);
        }
    }
    assert_int_equal(t->records, records);
    for (uint16_t port = 1; port <= 60; port++)
        assert_int_equal(portset_has(&t->router_ports, port), holders[0][port] + holders[1][port] > 0);
}

static void test_against_the_model(void **state)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        start(state);
        memset(model, 0, sizeof(model));
        print_message("seed %u\n", (unsigned)seed);
        struct prng prng = prng_seeded(seed);
        for (unsigned i = 0; i < 2000; i++) {
            random_step(&prng);
            if (i % 5 == 0)
                check_model();
        }
        stop(state);
    }
}

UNIT(mapping)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_key_is_client_protocol_and_port, start, stop),
        cmocka_unit_test_setup_teardown(test_a_client_goes_with_its_last_mapping, start, stop),
        cmocka_unit_test_setup_teardown(test_a_client_stays_while_a_reply_is_pending, start, stop),
        cmocka_unit_test_setup_teardown(test_router_ports, start, stop),
        cmocka_unit_test_setup_teardown(test_the_companion_port_is_the_clients_own, start, stop),
        cmocka_unit_test_setup_teardown(test_external_ports_and_rules, start, stop),
        cmocka_unit_test_setup_teardown(test_counters, start, stop),
        cmocka_unit_test_setup_teardown(test_over, start, stop),
        cmocka_unit_test_setup_teardown(test_without_a_lease_there_is_no_external_port, start, stop),
        cmocka_unit_test_setup_teardown(test_what_is_not_wanted_is_undone_at_once, start, stop),
        cmocka_unit_test_setup_teardown(test_quarantine, start, stop),
        cmocka_unit_test_setup_teardown(test_a_client_with_all_in_quarantine_makes_room, start, stop),
        cmocka_unit_test_setup_teardown(test_an_external_port_is_quarantined_for_its_client, start, stop),
        cmocka_unit_test_setup_teardown(test_a_freed_record_is_in_no_queue, start, stop),
        cmocka_unit_test_setup_teardown(test_a_full_table_frees_what_is_in_quarantine_longest, start, stop),
        cmocka_unit_test_setup_teardown(test_a_full_table_of_clients, start, stop),
        cmocka_unit_test_setup_teardown(test_pending_replies, start, stop),
        cmocka_unit_test_setup_teardown(test_pending_replies_run_out, start, stop),
        cmocka_unit_test(test_against_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
