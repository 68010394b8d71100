/* The gateway model against the byte layouts of RFC 6886, section by section. */
#include "bytes.h"
#include "gateway_model.h"
#include "unit.h"

struct outbox {
    uint8_t bytes[64];
    size_t len;
    uint64_t delay_ms;
    unsigned count;
    unsigned unreachable;
    unsigned complaints;
    struct gateway_lease lost; /* the last one that the gateway lost */
    bool by_reboot;
};

static void take(void *context, uint64_t delay_ms, struct span datagram)
{
    struct outbox *out = context;

    assert_true(datagram.len <= sizeof(out->bytes));
    if (datagram.len > 0)
        memcpy(out->bytes, datagram.data, datagram.len);
    out->len = datagram.len;
    out->delay_ms = delay_ms;
    out->count++;
}

static void unreachable(void *context)
{
    ((struct outbox *)context)->unreachable++;
}

static void complain(void *context, const char *what, struct span datagram)
{
    (void)what;
    (void)datagram;
    ((struct outbox *)context)->complaints++;
}

static void lost(void *context, const struct gateway_lease *lease, uint64_t lost_ms, bool by_reboot)
{
    struct outbox *out = context;

    (void)lost_ms;
    out->lost = *lease;
    out->by_reboot = by_reboot;
}

struct fixture {
    struct gateway_model gateway;
    struct outbox out;
};

static struct fixture f;

static void begin(struct gateway_options options)
{
    struct gateway_callbacks callbacks = {
        .context = &f.out, .send = take, .unreachable = unreachable, .complain = complain, .lost = lost};

    f.out = (struct outbox){0};
    options.external_address = 0xb9010203;
    options.epoch_s = 1000;
    gateway_init(&f.gateway, &options, &callbacks, 7);
}

/* Sends the one and expects exactly the other bytes. */
static void exchange(uint64_t now_ms, const void *request, size_t request_len, const void *reply,
                     size_t reply_len)
{
    f.out.count = 0;
    gateway_receive(&f.gateway, now_ms, now_ms, span_of(request, request_len));
    if (!reply) {
        assert_int_equal(f.out.count, 0);
        return;
    }
    assert_int_equal(f.out.count, 1);
    assert_int_equal(f.out.len, reply_len);
    assert_memory_equal(f.out.bytes, reply, reply_len);
}

static uint16_t external_of(uint64_t now_ms, bool tcp, uint16_t internal_port)
{
    const struct gateway_lease *lease = gateway_find(&f.gateway, now_ms, tcp, internal_port);

    return lease ? lease->external_port : 0;
}

static const uint8_t map_udp_6000[] = {0, 1, 0, 0, 0x17, 0x70, 0x17, 0x70, 0, 0, 0x0e, 0x10};
static const uint8_t map_tcp_6000[] = {0, 2, 0, 0, 0x17, 0x70, 0, 0, 0, 0, 0x0e, 0x10};
static const uint8_t delete_udp_6000[] = {0, 1, 0, 0, 0x17, 0x70, 0, 0, 0, 0, 0, 0};

static void test_address(void **state)
{
    static const uint8_t reply[] = {0, 128, 0, 0, 0, 0, 0x03, 0xed, 185, 1, 2, 3};

    (void)state;
    begin((struct gateway_options){0});
    exchange(5000, "\0\0", 2, reply, sizeof(reply));
}

static void test_map_renew_delete(void **state)
{
    static const uint8_t granted[] = {0,    129,  0,    0,    0, 0, 0x03, 0xe8,
                                      0x17, 0x70, 0x17, 0x70, 0, 0, 0x0e, 0x10};
    static const uint8_t gone[] = {0, 129, 0, 0, 0, 0, 0x03, 0xe8, 0x17, 0x70, 0, 0, 0, 0, 0, 0};

    (void)state;
    begin((struct gateway_options){0});
    exchange(0, map_udp_6000, 12, granted, sizeof(granted));
    assert_int_equal(gateway_count(&f.gateway, 3599999), 1);
    assert_int_equal(gateway_count(&f.gateway, 3600000), 0);
    exchange(10, map_udp_6000, 12, granted, sizeof(granted));
    assert_int_equal(gateway_count(&f.gateway, 3600009), 1);
    exchange(20, delete_udp_6000, 12, gone, sizeof(gone));
    assert_int_equal(gateway_count(&f.gateway, 20), 0);
    exchange(30, delete_udp_6000, 12, gone, sizeof(gone));
    assert_int_equal(f.out.complaints, 0);
}

static void test_errors(void **state)
{
    static const uint8_t version[] = {0, 128, 0, 1, 0, 0, 0x03, 0xe8};
    static const uint8_t opcode[] = {0, 131, 0, 5, 0, 0, 0x03, 0xe8};
    static const uint8_t refused[] = {0, 129, 0, 2, 0, 0, 0x03, 0xe8, 0x17, 0x70, 0, 0, 0, 0, 0, 0};
    static const struct {
        const char *name;
        struct gateway_faults faults;
        const void *request;
        size_t request_len;
        const uint8_t *reply; /* NULL: none */
        size_t reply_len;
    } rows[] = {
        {"another version", {0}, "\2\1\0\0", 4, version, 8},
        {"an unknown opcode", {0}, "\0\3", 2, opcode, 8},
        {"a response", {0}, "\0\201", 2, NULL, 0},
        {"one byte", {0}, "\0", 1, NULL, 0},
        {"a map request that is too short", {0}, map_udp_6000, 11, NULL, 0},
        {"silent", {.silent = true}, map_udp_6000, 12, NULL, 0},
        {"refuses a mapping", {.refuse = 2}, map_udp_6000, 12, refused, 16},
        {"refuses it with 8 bytes", {.refuse = 2, .short_errors = true}, map_udp_6000, 12, refused, 8},
        {"does not answer for a mapping", {.refuse = GATEWAY_NO_ANSWER}, map_udp_6000, 12, NULL, 0},
        {"refuses a deletion", {.refuse_delete = 2}, delete_udp_6000, 12, refused, 16},
        {"does not answer a deletion", {.refuse_delete = GATEWAY_NO_ANSWER}, delete_udp_6000, 12, NULL, 0},
        {"does not answer for its address", {.refuse_address = GATEWAY_NO_ANSWER}, "\0\0", 2, NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("%s\n", rows[i].name);
        begin((struct gateway_options){0});
        f.gateway.faults = rows[i].faults;
        exchange(0, rows[i].request, rows[i].request_len, rows[i].reply, rows[i].reply_len);
        assert_int_equal(gateway_count(&f.gateway, 0), 0);
    }
}

static void test_proton(void **state)
{
    uint8_t request[12];
    uint16_t first;

    (void)state;
    begin((struct gateway_options){.profile = GATEWAY_PROTON});
    gateway_receive(&f.gateway, 0, 0, span_of(map_udp_6000, 12));
    assert_int_equal(f.out.bytes[15], 60);
    first = external_of(0, false, 6000);
    assert_int_not_equal(first, 0);
    assert_int_not_equal(first, 6000);
    gateway_receive(&f.gateway, 0, 0, span_of(map_tcp_6000, 12));
    assert_int_equal(external_of(0, true, 6000), first);
    memcpy(request, map_tcp_6000, 12);
    for (uint8_t i = 1; i < 6; i++) {
        request[5] = (uint8_t)(0x70 + i);
        gateway_receive(&f.gateway, 0, 0, span_of(request, 12));
        assert_int_equal(f.out.bytes[3], i < 5 ? 0 : 4);
    }
}

static void test_pairs(void **state)
{
    uint8_t no_suggestion[12];

    (void)state;
    begin((struct gateway_options){.pairs = true, .offer_port = 40000});
    memcpy(no_suggestion, map_udp_6000, 12);
    put16(no_suggestion + 6, 0);
    gateway_receive(&f.gateway, 0, 0, span_of(no_suggestion, 12));
    gateway_receive(&f.gateway, 0, 0, span_of(map_tcp_6000, 12));
    assert_int_equal(external_of(0, false, 6000), 40000);
    assert_int_equal(external_of(0, true, 6000), 40000);
}

static void test_reboot_and_rotation(void **state)
{
    uint16_t first;

    (void)state;
    begin((struct gateway_options){.profile = GATEWAY_PROTON, .rotate_percent = 100});
    gateway_receive(&f.gateway, 0, 0, span_of(map_udp_6000, 12));
    first = external_of(0, false, 6000);
    gateway_receive(&f.gateway, 1000, 1000, span_of(map_udp_6000, 12));
    assert_int_not_equal(external_of(1000, false, 6000), first);
    assert_int_equal(f.gateway.losses, 1);
    assert_int_equal(f.out.lost.external_port, first);
    assert_false(f.out.by_reboot);
    gateway_reboot(&f.gateway, 2000);
    assert_int_equal(gateway_count(&f.gateway, 2000), 0);
    assert_int_equal(gateway_epoch_s(&f.gateway, 4999), 2);
    assert_int_equal(f.gateway.losses, 2);
    assert_true(f.out.by_reboot);
}

/* What ProtonVPN does with internal port 0: one port for both protocols, which is also the internal one. The
 * reply names that port, or 0 if a port was suggested. The mapping can be renewed by its number. */
static void test_symmetric(void **state)
{
    static const uint8_t any[] = {0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0x1c, 0x20};
    static const uint8_t guide[] = {0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0x1c, 0x20};
    uint8_t named[12];
    uint16_t port;

    (void)state;
    begin((struct gateway_options){.profile = GATEWAY_PROTON, .symmetric = true});
    gateway_receive(&f.gateway, 0, 0, span_of(any, 12));
    port = (uint16_t)(f.out.bytes[10] << 8 | f.out.bytes[11]);
    assert_int_equal(f.out.bytes[3], 0);
    assert_memory_equal(f.out.bytes + 8, f.out.bytes + 10, 2);
    assert_int_equal(external_of(0, false, port), port);
    gateway_receive(&f.gateway, 1000, 1000, span_of(guide, 12));
    assert_int_equal(f.out.bytes[8] << 8 | f.out.bytes[9], 0);
    assert_int_equal(f.out.bytes[10] << 8 | f.out.bytes[11], port);
    memcpy(named, any, 12);
    named[4] = (uint8_t)(port >> 8);
    named[5] = (uint8_t)port;
    gateway_receive(&f.gateway, 2000, 2000, span_of(named, 12));
    assert_int_equal(f.out.bytes[3], 0);
    assert_int_equal(gateway_count(&f.gateway, 2000), 1);
    named[5] ^= 1;
    gateway_receive(&f.gateway, 2000, 2000, span_of(named, 12));
    assert_int_equal(f.out.bytes[3], 2);
    memcpy(named, any, 12);
    named[1] = 2;
    gateway_receive(&f.gateway, 2000, 2000, span_of(named, 12));
    assert_int_equal(external_of(2000, true, port), port);
}

/* A retransmission of a deletion that was sent before the request for the mapping ends it all the same, and
 * the client cannot know that. A deletion that was sent after that request is no loss. */
static void test_overtaken_deletion(void **state)
{
    (void)state;
    begin((struct gateway_options){0});
    gateway_receive(&f.gateway, 1000, 980, span_of(map_udp_6000, 12));
    gateway_receive(&f.gateway, 1010, 970, span_of(delete_udp_6000, 12));
    assert_int_equal(gateway_count(&f.gateway, 1010), 0);
    assert_int_equal(f.gateway.losses, 1);
    assert_int_equal(f.out.lost.internal_port, 6000);
    gateway_receive(&f.gateway, 2000, 1990, span_of(map_udp_6000, 12));
    gateway_receive(&f.gateway, 2010, 2000, span_of(delete_udp_6000, 12));
    assert_int_equal(f.gateway.losses, 1);
}

/* It neither makes nor ends a lease. */
static void test_a_refused_deletion(void **state)
{
    (void)state;
    begin((struct gateway_options){0});
    gateway_receive(&f.gateway, 0, 0, span_of(map_udp_6000, 12));
    f.gateway.faults.refuse_delete = GATEWAY_NO_ANSWER;
    gateway_receive(&f.gateway, 0, 0, span_of(delete_udp_6000, 12));
    f.gateway.faults.refuse_delete = 2;
    gateway_receive(&f.gateway, 0, 0, span_of(delete_udp_6000, 12));
    assert_int_equal(gateway_count(&f.gateway, 0), 1);
    assert_int_equal(f.gateway.grants, 1);
}

static void test_faults(void **state)
{
    static const uint8_t bad_delete[] = {0, 1, 0, 0, 0x17, 0x70, 0x17, 0x70, 0, 0, 0, 0};

    (void)state;
    begin((struct gateway_options){0});
    f.gateway.faults.unreachable = true;
    exchange(0, map_udp_6000, 12, NULL, 0);
    assert_int_equal(f.out.unreachable, 1);
    f.gateway.faults = (struct gateway_faults){.junk_percent = 100};
    gateway_receive(&f.gateway, 0, 0, span_of(map_udp_6000, 12));
    assert_int_equal(f.out.count, 2);
    gateway_receive(&f.gateway, 0, 0, span_of(bad_delete, 12));
    assert_int_equal(f.out.complaints, 1);
}

/* The last datagram is the contradiction, whatever the delay of the grant. */
static void test_a_contradiction_follows_its_grant(void **state)
{
    static const struct {
        struct gateway_faults faults;
        uint64_t delay_ms;
        uint32_t lifetime_s;
    } rows[] = {
        {{.two_ports = true}, 4, 3600},
        {{.takes_back = true}, 4, 0},
        {{.two_ports = true, .late_percent = 100, .late_ms = 9000}, 9004, 3600},
        {{.takes_back = true, .late_percent = 100, .late_ms = 9000}, 9004, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        begin((struct gateway_options){0});
        f.gateway.faults = rows[i].faults;
        gateway_receive(&f.gateway, 0, 0, span_of(map_udp_6000, 12));
        assert_int_equal(f.out.count, 2);
        assert_int_equal(f.out.delay_ms, rows[i].delay_ms);
        assert_int_not_equal(get16(f.out.bytes + 10), external_of(0, false, 6000));
        assert_int_equal(get32(f.out.bytes + 12), rows[i].lifetime_s);
    }
}

static void test_an_answer_that_grants_nothing(void **state)
{
    static const struct {
        enum gateway_wrong wrong;
        uint8_t opcode;
        uint16_t internal_port;
        bool has_port;
        uint32_t lifetime_s;
        uint16_t left; /* external port of the lease that was there */
    } rows[] = {
        {GATEWAY_NO_LIFETIME, 129, 6000, false, 0, 0},
        {GATEWAY_NO_PORT, 129, 6000, false, 3600, 1},
        {GATEWAY_OTHER_INTERNAL, 129, 6001, true, 3600, 1},
        {GATEWAY_OTHER_PROTOCOL, 130, 6000, true, 3600, 1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        begin((struct gateway_options){0});
        gateway_receive(&f.gateway, 0, 0, span_of(map_udp_6000, 12));
        f.gateway.faults.wrong = rows[i].wrong;
        gateway_receive(&f.gateway, 1000, 1000, span_of(map_udp_6000, 12));
        assert_int_equal(f.out.bytes[1], rows[i].opcode);
        assert_int_equal(get16(f.out.bytes + 2), 0);
        assert_int_equal(get16(f.out.bytes + 8), rows[i].internal_port);
        assert_int_equal(get16(f.out.bytes + 10) != 0, rows[i].has_port);
        assert_int_equal(get32(f.out.bytes + 12), rows[i].lifetime_s);
        assert_int_equal(gateway_count(&f.gateway, 1000), rows[i].left);
    }
    begin((struct gateway_options){0});
    f.gateway.faults = (struct gateway_faults){.refuse = 4, .in_turn = true};
    for (unsigned i = 0; i < 4; i++) {
        gateway_receive(&f.gateway, i, i, span_of(map_udp_6000, 12));
        assert_int_equal(get16(f.out.bytes + 2), i % 2 == 0 ? 0 : 4);
    }
}

static void test_ordered_rotation(void **state)
{
    uint16_t before;
    uint16_t after;

    (void)state;
    begin((struct gateway_options){.profile = GATEWAY_PROTON});
    gateway_receive(&f.gateway, 0, 0, span_of(map_udp_6000, 12));
    gateway_receive(&f.gateway, 0, 0, span_of(map_tcp_6000, 12));
    before = external_of(0, false, 6000);
    gateway_rotate(&f.gateway, 1000);
    assert_int_equal(external_of(1000, false, 6000), before);
    gateway_receive(&f.gateway, 2000, 2000, span_of(map_udp_6000, 12));
    after = external_of(2000, false, 6000);
    assert_int_not_equal(after, before);
    gateway_receive(&f.gateway, 3000, 3000, span_of(map_tcp_6000, 12));
    assert_int_equal(external_of(3000, true, 6000), after);
    gateway_receive(&f.gateway, 4000, 4000, span_of(map_udp_6000, 12));
    assert_int_equal(external_of(4000, false, 6000), after);
}

static void test_one_port(void **state)
{
    (void)state;
    begin((struct gateway_options){.one_port = true});
    gateway_receive(&f.gateway, 0, 0, span_of(map_udp_6000, 12));
    gateway_receive(&f.gateway, 0, 0, span_of(map_tcp_6000, 12));
    assert_int_equal(external_of(0, true, 6000), external_of(0, false, 6000));
}

UNIT(gateway_model)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_address),
        cmocka_unit_test(test_map_renew_delete),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_proton),
        cmocka_unit_test(test_reboot_and_rotation),
        cmocka_unit_test(test_symmetric),
        cmocka_unit_test(test_a_refused_deletion),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_a_contradiction_follows_its_grant),
        cmocka_unit_test(test_an_answer_that_grants_nothing),
        cmocka_unit_test(test_ordered_rotation),
        cmocka_unit_test(test_one_port),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_overtaken_deletion),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
