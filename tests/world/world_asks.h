/* The invariants' record of what was requested, and of what is unanswered. */
#pragma once

#include "invariants.h"

enum inv_kind {
    KIND_ADDRESS = 1,
    KIND_VERSION,
    KIND_OPCODE,
    KIND_CREATE_UDP = 8,
    KIND_CREATE_TCP,
    KIND_DELETE_UDP,
    KIND_DELETE_TCP,
    KIND_ASK_UDP = 16,
    KIND_ASK_TCP,
};

uint64_t asks_key(uint32_t address, unsigned port);
uint64_t asks_pending_key(struct endpoint from, unsigned internal_port);

void asks_init(struct inv_table *table, size_t capacity);
void asks_free(struct inv_table *table);
/* NULL: there is no such request. */
struct inv_entry *asks_find(const struct inv_table *table, uint64_t key, uint64_t kind);
/* Entries move, so pointers into the table become invalid here. */
struct inv_entry *asks_add(struct inv_table *table, uint64_t key, uint64_t kind);
