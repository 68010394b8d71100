/* Every capacity of the program, each with its reason. Memory is fixed at start: a full table is answered
 * with Out of Resources. Tables are zero at start and cost real memory only where they were used. */
#pragma once

enum {
    /* An index fits 16 bits with 0 as "none"; there are no more router ports than this anyway. */
    MAPPINGS_MAX = 65535,
    /* Hosts that hold or ask for a mapping at one time: a /20 and some. */
    CLIENTS_MAX = 8191,
    /* One host cannot take the table from the others: MAX_MAPPINGS_PER_CLIENT. At most so many, that with all
     * answers owed for each a host has half of PENDING_REPLIES_MAX. */
    CLIENT_MAPPINGS_DEFAULT = 64,
    CLIENT_MAPPINGS_MAX = 1024,
    /* Pending answers. A stock client has one socket a mapping; 8 is generous. */
    PENDING_REPLIES_MAX = 16383,
    PENDING_PER_REQUEST_MAX = 8,

    /* RFC 6886 section 3.1 asks for one request at a time; we have many clients behind us, so one each, and
     * no more than this in all: a home gateway's socket buffer holds them. */
    UPSTREAM_PARALLEL_MAX = 64,

    /* RouterOS allows 20 sessions by default for all tools together. */
    ROUTER_SESSIONS_MAX = 4,
    /* A stop with 1,000 rules takes nine round trips. */
    ROUTER_COMMANDS_MAX = 128,
    /* A word of RouterOS that is longer is skipped without being stored; ours are far shorter. */
    ROUTER_WORD_MAX = 1024,
    ROUTER_SENTENCE_MAX = 4096,
    ROUTER_SENTENCE_WORDS_MAX = 48,
    ROUTER_ADDRESSES_MAX = 64,
    ROUTER_LISTS_MAX = 32,
    ROUTER_ORPHANS_MAX = 256,

    /* IEEE 802.1Q bridges, VRFs and WireGuard names of RouterOS stay below. */
    INTERFACE_NAME_MAX = 63,
    INSTANCE_NAME_MAX = 32,
    CREDENTIAL_MAX = 255,

    /* RFC 6886 section 3.5 returns an unsupported request entire: any datagram that fits an Ethernet frame is
     * taken whole, a longer one is dropped. */
    DATAGRAM_MAX = 2048,

    /* What one step may produce; the rest of the work waits for the next step. */
    ACTIONS_MAX = 512,
    ACTION_BYTES_MAX = 65536,
};
