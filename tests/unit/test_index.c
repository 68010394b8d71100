/* The index against a plain array: what it finds, and what it must not find any more. */
#include "unit.h"

#include "base/index.h"
#include "base/prng.h"

enum { RECORDS = 65535 };

static struct index table;
static bool in_model[RECORDS + 1];
static uint32_t hash_in_model[RECORDS + 1];
static unsigned model_count;
static unsigned most_in_model;

static int start(void **state)
{
    (void)state;
    memset(&table, 0, sizeof(table));
    memset(in_model, 0, sizeof(in_model));
    model_count = 0;
    most_in_model = 0;
    return 0;
}

static void add(uint32_t hash, uint16_t record)
{
    index_add(&table, hash, record);
    in_model[record] = true;
    hash_in_model[record] = hash;
    model_count++;
    most_in_model = model_count > most_in_model ? model_count : most_in_model;
    assert_int_equal(table.count, model_count);
    assert_true(table.buckets <= most_in_model); /* memory grows with the records, not with time */
}

static void take_out(uint16_t record)
{
    index_remove(&table, record);
    in_model[record] = false;
    model_count--;
}

/* Every record that the index returns for this hash belongs there, and their number is `expected`. */
static void check_chain(uint32_t hash, unsigned expected)
{
    unsigned count = 0;
    for (uint16_t r = index_first(&table, hash); r != 0; r = index_next(&table, r)) {
        assert_true(in_model[r]);
        assert_int_equal(hash_in_model[r], hash);
        assert_true(++count <= expected);
    }
    assert_int_equal(count, expected);
}

static unsigned count_in_model(uint32_t hash)
{
    unsigned count = 0;
    for (unsigned r = 1; r <= RECORDS; r++)
        count += in_model[r] && hash_in_model[r] == hash;
    return count;
}

static void test_empty(void **state)
{
    (void)state;
    assert_int_equal(index_first(&table, 0), 0);
    assert_int_equal(index_first(&table, 7), 0);
}

static void test_one_chain_for_one_hash(void **state)
{
    (void)state;
    for (uint16_t r = 1; r <= 300; r++)
        add(42, r);
    add(43, 301);
    check_chain(42, 300);
    for (uint16_t r = 2; r <= 300; r += 2)
        take_out(r);
    check_chain(42, 150);
    check_chain(43, 1);
    check_chain(44, 0);
}

/* Growing by one bucket at a time must not lose a record at any size. */
static void test_every_record_is_found_at_every_size(void **state)
{
    (void)state;
    for (unsigned r = 1; r <= 3000; r++) {
        add(index_hash(r), (uint16_t)r);
        assert_int_equal(table.count, r);
        for (unsigned before = 1; before <= r; before += 1 + r / 50)
            check_chain(index_hash(before), 1);
    }
}

static void test_full(void **state)
{
    (void)state;
    for (unsigned r = 1; r <= RECORDS; r++)
        add(index_hash(r), (uint16_t)r);
    assert_int_equal(table.count, RECORDS);
    for (unsigned r = 1; r <= RECORDS; r++)
        check_chain(index_hash(r), 1);
    for (unsigned r = RECORDS; r >= 1; r--)
        take_out((uint16_t)r);
    assert_int_equal(table.count, 0);
    for (unsigned r = 1; r <= RECORDS; r++)
        assert_int_equal(index_first(&table, index_hash(r)), 0);
}

static void random_step(struct prng *prng, unsigned records, unsigned hashes)
{
    uint16_t record = (uint16_t)(1 + prng_below(prng, records));
    if (in_model[record])
        take_out(record);
    else
        add(prng_below(prng, 2) ? prng_below(prng, hashes) : index_hash(prng_below(prng, hashes)), record);
    if (prng_below(prng, 50) == 0) {
        uint32_t hash = hash_in_model[1 + prng_below(prng, records)];
        check_chain(hash, count_in_model(hash));
    }
    assert_int_equal(table.count, model_count);
}

static void test_against_the_model(void **state)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        start(state);
        print_message("seed %u\n", (unsigned)seed);
        struct prng prng = prng_seeded(seed);
        unsigned records = 1 + prng_below(&prng, seed % 2 ? 100 : RECORDS);
        unsigned hashes = 1 + prng_below(&prng, 2 * records);
        for (unsigned i = 0; i < 10000; i++)
            random_step(&prng, records, hashes);
    }
}

/* Neighbouring keys must not all be in neighbouring buckets, because ports and addresses are neighbours. */
static void test_hash_spreads_neighbours(void **state)
{
    (void)state;
    unsigned bucket[256] = {0};
    for (unsigned key = 0; key < 256 * 64; key++)
        bucket[index_hash((uint64_t)key << 16) & 255]++;
    for (unsigned i = 0; i < 256; i++)
        assert_in_range(bucket[i], 20, 130);
}

UNIT(index)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_empty, start),
        cmocka_unit_test_setup(test_one_chain_for_one_hash, start),
        cmocka_unit_test_setup(test_every_record_is_found_at_every_size, start),
        cmocka_unit_test_setup(test_full, start),
        cmocka_unit_test_setup(test_against_the_model, start),
        cmocka_unit_test(test_hash_spreads_neighbours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
