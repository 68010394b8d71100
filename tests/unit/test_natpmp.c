#include "unit.h"

#include "wire/natpmp.h"

static void check_request(struct natpmp_request actual, struct natpmp_request expected)
{
    assert_int_equal(actual.type, expected.type);
    assert_int_equal(actual.protocol, expected.protocol);
    assert_int_equal(actual.internal_port, expected.internal_port);
    assert_int_equal(actual.external_port, expected.external_port);
    assert_int_equal(actual.lifetime_s, expected.lifetime_s);
}

/* */
static void test_request_layouts(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        struct natpmp_request expected;
    } rows[] = {
        {"\0\0", 2, {.type = NATPMP_REQUEST_ADDRESS}},
        {"\0\1\0\0\x12\x34\x56\x78\x00\x00\x1C\x20",
         12,
         {NATPMP_REQUEST_MAP, NATPMP_UDP, 0x1234, 0x5678, 7200}},
        {"\0\2\0\0\x12\x34\x56\x78\xFF\xFF\xFF\xFF",
         12,
         {NATPMP_REQUEST_MAP, NATPMP_TCP, 0x1234, 0x5678, UINT32_MAX}},
        /* Deletion of one, then of all. */
        {"\0\2\0\0\x12\x34\0\0\0\0\0\0", 12, {NATPMP_REQUEST_MAP, NATPMP_TCP, 0x1234, 0, 0}},
        {"\0\1\0\0\0\0\0\0\0\0\0\0", 12, {NATPMP_REQUEST_MAP, NATPMP_UDP, 0, 0, 0}},
        /* Reserved bytes are ignored, and so are trailing bytes. */
        {"\0\1\xFF\xFF\0\x50\0\x50\0\0\0\1tail", 16, {NATPMP_REQUEST_MAP, NATPMP_UDP, 80, 80, 1}},
        {"\0\0tail", 6, {.type = NATPMP_REQUEST_ADDRESS}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check_request(natpmp_decode_request(span_of(rows[i].bytes, rows[i].len)), rows[i].expected);
}

/* */
static void test_request_lengths(void **state)
{
    (void)state;
    uint8_t bytes[DATAGRAM_MAX + 1] = {0};
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        bool too_long = len > DATAGRAM_MAX;
        bytes[1] = 0;
        assert_int_equal(natpmp_decode_request(span_of(bytes, len)).type,
                         len < 2 || too_long ? NATPMP_REQUEST_MALFORMED : NATPMP_REQUEST_ADDRESS);
        for (uint8_t opcode = 1; opcode <= 2; opcode++) {
            bytes[1] = opcode;
            assert_int_equal(natpmp_decode_request(span_of(bytes, len)).type,
                             len < 12 || too_long ? NATPMP_REQUEST_MALFORMED : NATPMP_REQUEST_MAP);
        }
    }
}

/* Every combination of the first two bytes: the response bit is checked before the version, and the version
 * before the opcode. [R-01] [R-03] [G-19] */
static void test_order_of_checks(void **state)
{
    (void)state;
    for (unsigned version = 0; version < 256; version++) {
        for (unsigned opcode = 0; opcode < 256; opcode++) {
            uint8_t bytes[12] = {(uint8_t)version, (uint8_t)opcode};
            enum natpmp_request_type expected = opcode >= 128  ? NATPMP_REQUEST_RESPONSE
                                                : version != 0 ? NATPMP_REQUEST_UNSUPPORTED_VERSION
                                                : opcode == 0  ? NATPMP_REQUEST_ADDRESS
                                                : opcode <= 2  ? NATPMP_REQUEST_MAP
                                                               : NATPMP_REQUEST_UNSUPPORTED_OPCODE;
            assert_int_equal(natpmp_decode_request(span_of(bytes, sizeof(bytes))).type, expected);
            if (opcode >= 128 || version != 0)
                assert_int_equal(natpmp_decode_request(span_of(bytes, 2)).type, expected);
        }
    }
}

/* [G-03] [G-09] [G-10] [G-06] */
static void test_address_reply(void **state)
{
    (void)state;
    uint8_t buffer[NATPMP_REPLY_MAX];
    size_t len = natpmp_encode_address_reply(buffer, NATPMP_SUCCESS, 0x01020304, 0xCB007109);
    assert_span_equal(span_of(buffer, len), BYTES("\x00\x80\x00\x00\x01\x02\x03\x04\xCB\x00\x71\x09"));
    len = natpmp_encode_address_reply(buffer, NATPMP_NETWORK_FAILURE, 0x01020304, 0xCB007109);
    assert_span_equal(span_of(buffer, len), BYTES("\x00\x80\x00\x03\x01\x02\x03\x04\0\0\0\0"));
}

/* [M-03] [R-06] [R-09] [M-16] */
static void test_map_reply(void **state)
{
    (void)state;
    uint8_t buffer[NATPMP_REPLY_MAX];
    size_t len =
        natpmp_encode_map_reply(buffer, NATPMP_UDP, NATPMP_SUCCESS, 0xFFFFFFFE, 0x1234, 0x5678, 3600);
    assert_span_equal(span_of(buffer, len),
                      BYTES("\x00\x81\x00\x00\xFF\xFF\xFF\xFE\x12\x34\x56\x78\x00\x00\x0E\x10"));
    len = natpmp_encode_map_reply(buffer, NATPMP_TCP, NATPMP_SUCCESS, 1, 0x1234, 0, 0);
    assert_span_equal(span_of(buffer, len), BYTES("\x00\x82\x00\x00\x00\x00\x00\x01\x12\x34\0\0\0\0\0\0"));
    /* Errors contain the port of the request, and no mapping. */
    len = natpmp_encode_map_reply(buffer, NATPMP_TCP, NATPMP_OUT_OF_RESOURCES, 1, 0x1234, 0x5678, 3600);
    assert_span_equal(span_of(buffer, len), BYTES("\x00\x82\x00\x04\x00\x00\x00\x01\x12\x34\0\0\0\0\0\0"));
}

/* */
static void test_unsupported_version(void **state)
{
    (void)state;
    uint8_t buffer[NATPMP_REPLY_MAX];
    size_t len = natpmp_encode_unsupported_version(buffer, 0xEEDDCCBB);
    assert_span_equal(span_of(buffer, len), BYTES("\x00\x80\x00\x01\xEE\xDD\xCC\xBB"));
}

/* */
static void test_unsupported_opcode(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        size_t request_len;
        const char *reply;
        size_t reply_len;
    } rows[] = {
        {"\0\3", 2, "\x00\x83\x00\x05\x0A\x0B\x0C\x0D", 8},
        {"\0\x7F\x11", 3, "\x00\xFF\x00\x05\x0A\x0B\x0C\x0D", 8},
        {"\0\3\x11\x22", 4, "\x00\x83\x00\x05\x0A\x0B\x0C\x0D", 8},
        {"\0\3\x11\x22\x33", 5, "\x00\x83\x00\x05\x33", 5},
        {"\0\3\x11\x22\x33\x44\x55\x66\x77", 9, "\x00\x83\x00\x05\x33\x44\x55\x66\x77", 9},
    };
    uint8_t buffer[DATAGRAM_MAX];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span request = span_of(rows[i].request, rows[i].request_len);
        size_t len = natpmp_encode_unsupported_opcode(buffer, request, 0x0A0B0C0D);
        assert_span_equal(span_of(buffer, len), span_of(rows[i].reply, rows[i].reply_len));
    }

    uint8_t largest[DATAGRAM_MAX];
    memset(largest, 0x5A, sizeof(largest));
    largest[1] = 99;
    assert_int_equal(natpmp_encode_unsupported_opcode(buffer, span_of(largest, sizeof(largest)), 1),
                     DATAGRAM_MAX);
    assert_span_equal(span_of(buffer, 4), BYTES("\x5A\xE3\x00\x05"));
    assert_memory_equal(buffer + 4, largest + 4, sizeof(largest) - 4);
}

/* [C-17] [C-22] */
static void test_requests_to_the_gateway(void **state)
{
    (void)state;
    uint8_t buffer[NATPMP_REQUEST_MAX];
    size_t len = natpmp_encode_address_request(buffer);
    assert_span_equal(span_of(buffer, len), BYTES("\0\0"));
    len = natpmp_encode_map_request(buffer, NATPMP_UDP, 0x1234, 0x5678, 7200);
    assert_span_equal(span_of(buffer, len), BYTES("\0\1\0\0\x12\x34\x56\x78\x00\x00\x1C\x20"));
    len = natpmp_encode_map_request(buffer, NATPMP_TCP, 0x1234, 0, UINT32_MAX);
    assert_span_equal(span_of(buffer, len), BYTES("\0\2\0\0\x12\x34\0\0\xFF\xFF\xFF\xFF"));
    /* A deletion suggests no port, whatever port the mapping has. */
    len = natpmp_encode_map_request(buffer, NATPMP_TCP, 0x1234, 0x5678, 0);
    assert_span_equal(span_of(buffer, len), BYTES("\0\2\0\0\x12\x34\0\0\0\0\0\0"));
}

static void check_reply(struct span bytes, struct natpmp_reply expected)
{
    struct natpmp_reply actual = natpmp_decode_reply(bytes);
    if (actual.type != expected.type)
        print_bytes("reply", bytes.data, bytes.len);
    assert_int_equal(actual.type, expected.type);
    assert_int_equal(actual.opcode, expected.opcode);
    assert_int_equal(actual.result, expected.result);
    assert_int_equal(actual.has_epoch, expected.has_epoch);
    assert_int_equal(actual.epoch_s, expected.epoch_s);
    assert_int_equal(actual.address, expected.address);
    assert_int_equal(actual.protocol, expected.protocol);
    assert_int_equal(actual.internal_port, expected.internal_port);
    assert_int_equal(actual.external_port, expected.external_port);
    assert_int_equal(actual.lifetime_s, expected.lifetime_s);
}

#define EPOCH .has_epoch = true, .epoch_s = 0x01020304
#define EPOCH_BYTES "\x01\x02\x03\x04"

/* [C-13] */
static void test_address_replies(void **state)
{
    (void)state;
    check_reply(BYTES("\x00\x80\x00\x00" EPOCH_BYTES "\xCB\x00\x71\x09"),
                (struct natpmp_reply){.type = NATPMP_REPLY_ADDRESS, EPOCH, .address = 0xCB007109});
    check_reply(BYTES("\x00\x80\x00\x00" EPOCH_BYTES "\xCB\x00\x71\x09tail"),
                (struct natpmp_reply){.type = NATPMP_REPLY_ADDRESS, EPOCH, .address = 0xCB007109});
    /* Section 3.2: the address of an error is ignored. */
    check_reply(BYTES("\x00\x80\x00\x03" EPOCH_BYTES "\xCB\x00\x71\x09"),
                (struct natpmp_reply){.type = NATPMP_REPLY_ADDRESS, .result = 3, EPOCH});
    check_reply(BYTES("\x00\x80\x00\x02" EPOCH_BYTES),
                (struct natpmp_reply){.type = NATPMP_REPLY_ADDRESS, .result = 2, EPOCH});
    check_reply(BYTES("\x00\x80\x00\x00" EPOCH_BYTES "\xCB\x00\x71"), (struct natpmp_reply){0});
}

/* [C-23] [C-25] */
static void test_map_replies(void **state)
{
    (void)state;
    check_reply(BYTES("\x00\x81\x00\x00" EPOCH_BYTES "\x12\x34\x56\x78\x00\x00\x0E\x10"),
                (struct natpmp_reply){.type = NATPMP_REPLY_MAP,
                                      .opcode = 1,
                                      EPOCH,
                                      .protocol = NATPMP_UDP,
                                      .internal_port = 0x1234,
                                      .external_port = 0x5678,
                                      .lifetime_s = 3600});
    check_reply(
        BYTES("\x00\x82\x00\x00" EPOCH_BYTES "\x12\x34\x00\x00\x00\x00\x00\x00tail"),
        (struct natpmp_reply){
            .type = NATPMP_REPLY_MAP, .opcode = 2, EPOCH, .protocol = NATPMP_TCP, .internal_port = 0x1234});
    /* An undefined result is kept. Port and lifetime of an error have no meaning. */
    check_reply(BYTES("\x00\x82\xAB\xCD" EPOCH_BYTES "\x12\x34\x56\x78\x00\x00\x0E\x10"),
                (struct natpmp_reply){.type = NATPMP_REPLY_MAP,
                                      .opcode = 2,
                                      .result = 0xABCD,
                                      EPOCH,
                                      .protocol = NATPMP_TCP,
                                      .internal_port = 0x1234});
    /* Some servers send short errors. */
    for (size_t len = 8; len < 16; len++) {
        check_reply(span_of("\x00\x81\x00\x04" EPOCH_BYTES "\x12\x34\x56\x78\x00\x00\x0E\x10", len),
                    (struct natpmp_reply){.type = NATPMP_REPLY_MAP, .opcode = 1, .result = 4, EPOCH});
        check_reply(span_of("\x00\x81\x00\x00" EPOCH_BYTES "\x12\x34\x56\x78\x00\x00\x0E\x10", len),
                    (struct natpmp_reply){0});
    }
}

/* [C-30] */
static void test_unsupported_version_replies(void **state)
{
    (void)state;
    struct natpmp_reply expected = {.type = NATPMP_REPLY_UNSUPPORTED_VERSION, .result = 1, EPOCH};
    check_reply(BYTES("\x00\x80\x00\x01" EPOCH_BYTES), expected);
    check_reply(BYTES("\x00\x00\x00\x01" EPOCH_BYTES), expected);
    check_reply(BYTES("\x00\x80\x00\x01" EPOCH_BYTES "\0\0\0\0"), expected);
    expected.opcode = 2;
    expected.protocol = NATPMP_TCP;
    check_reply(BYTES("\x00\x82\x00\x01" EPOCH_BYTES), expected);
    /* A server that speaks PCP alone (RFC 6887). */
    static const char pcp[24] = "\x02\x80\x00\x01";
    check_reply(span_of((const uint8_t *)pcp, sizeof(pcp)),
                (struct natpmp_reply){.type = NATPMP_REPLY_UNSUPPORTED_VERSION, .result = 1});
    check_reply(span_of((const uint8_t *)pcp, sizeof(pcp) - 1), (struct natpmp_reply){0});
    check_reply(BYTES("\x00\x82\x00\x01" EPOCH_BYTES "\x12\x34\0\0\0\0\0\0"),
                (struct natpmp_reply){.type = NATPMP_REPLY_MAP,
                                      .opcode = 2,
                                      .result = 1,
                                      EPOCH,
                                      .protocol = NATPMP_TCP,
                                      .internal_port = 0x1234});
}

static void test_unsupported_opcode_replies(void **state)
{
    (void)state;
    /* The answer to an address request: the request itself, and extended with an epoch. */
    check_reply(BYTES("\x00\x80\x00\x05"),
                (struct natpmp_reply){.type = NATPMP_REPLY_UNSUPPORTED_OPCODE, .result = 5});
    check_reply(BYTES("\x00\x80\x00\x05" EPOCH_BYTES),
                (struct natpmp_reply){.type = NATPMP_REPLY_UNSUPPORTED_OPCODE, .result = 5});
    check_reply(BYTES("\x00\x80\x00\x05\x12\x34\x56\x78\x00\x00\x0E\x10"),
                (struct natpmp_reply){.type = NATPMP_REPLY_UNSUPPORTED_OPCODE, .result = 5});
    /* The answer to a map request: the request itself, then as a whole map reply. */
    struct natpmp_reply expected = {.type = NATPMP_REPLY_UNSUPPORTED_OPCODE,
                                    .opcode = 1,
                                    .result = 5,
                                    .protocol = NATPMP_UDP,
                                    .internal_port = 0x1234};
    check_reply(BYTES("\x00\x81\x00\x05\x12\x34\x56\x78\x00\x00\x0E\x10"), expected);
    check_reply(BYTES("\x00\x81\x00\x05" EPOCH_BYTES "\x12\x34\0\0\0\0\0\0"), expected);
    expected.internal_port = 0;
    check_reply(BYTES("\x00\x81\x00\x05" EPOCH_BYTES), expected);
    check_reply(BYTES("\x00\x81\x00\x05\x12\x34\x56\x78\x00\x00\x0E"), expected); /* cut off */
    /* One byte less than a map reply is what was asked, with three bytes too many. */
    expected.internal_port = 0x1234;
    check_reply(BYTES("\x00\x81\x00\x05\x12\x34\x56\x78\x00\x00\x0E\x10\0\0\0"), expected);
}

static void test_malformed_replies(void **state)
{
    (void)state;
    const struct natpmp_reply malformed = {.type = NATPMP_REPLY_MALFORMED};
    static const char whole[] = "\x00\x80\x00\x00" EPOCH_BYTES "\xCB\x00\x71";
    for (size_t len = 0; len < sizeof(whole); len++)
        check_reply(span_of(whole, len), malformed);
    /* Requests, other versions (PCP), and responses to opcodes that were never sent. */
    check_reply(BYTES("\0\0"), malformed);
    check_reply(BYTES("\0\1\0\0\x12\x34\x56\x78\x00\x00\x1C\x20"), malformed);
    check_reply(BYTES("\0\1\0\1\x12\x34\x56\x78\x00\x00\x1C\x20"), malformed);
    check_reply(BYTES("\0\2\0\5\x12\x34\x56\x78\x00\x00\x1C\x20"), malformed);
    check_reply(BYTES("\x00\x83\x00\x00" EPOCH_BYTES "\x12\x34\x56\x78\x00\x00\x0E\x10"), malformed);
}

UNIT(natpmp)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_layouts),
        cmocka_unit_test(test_request_lengths),
        cmocka_unit_test(test_order_of_checks),
        cmocka_unit_test(test_address_reply),
        cmocka_unit_test(test_map_reply),
        cmocka_unit_test(test_unsupported_version),
        cmocka_unit_test(test_unsupported_opcode),
        cmocka_unit_test(test_requests_to_the_gateway),
        cmocka_unit_test(test_address_replies),
        cmocka_unit_test(test_map_replies),
        cmocka_unit_test(test_unsupported_version_replies),
        cmocka_unit_test(test_unsupported_opcode_replies),
        cmocka_unit_test(test_malformed_replies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
