/* Every capacity of the program, with its reason. Memory is fixed at start: a request for which a table has
 * no room is answered with Out of Resources. Tables are zero at start, and the kernel gives them real memory
 * only where they are used. */
#pragma once

enum {
    /* A record number fits 16 bits, where 0 means none. There are no more router ports than this. */
    MAPPINGS_MAX = 65535,
    /* Hosts that have or request a mapping at the same time: all of a /19. */
    CLIENTS_MAX = 8191,
    /* MAX_MAPPINGS_PER_CLIENT: one host cannot fill the table. At the maximum, a host with
     * PENDING_PER_REQUEST_MAX pending replies for each mapping takes half of PENDING_REPLIES_MAX. */
    CLIENT_MAPPINGS_DEFAULT = 64,
    CLIENT_MAPPINGS_MAX = 1024,
    /* Pending replies. The usual client has one socket for a mapping; 8 is generous. */
    PENDING_REPLIES_MAX = 16383,
    PENDING_PER_REQUEST_MAX = 8,

    /* RFC 6886 section 3.1 allows a client one request at a time. double-natpmp acts for many clients: each
     * of them has one, and all together have no more than the socket buffer of a home gateway holds. */
    UPSTREAM_PARALLEL_MAX = 64,

    /* By default RouterOS allows 20 API sessions, for all programs together. */
    ROUTER_SESSIONS_MAX = 4,
    /* With so many commands under way, removing 1,000 rules at a stop takes nine round trips. */
    ROUTER_COMMANDS_MAX = 128,
    /* A longer word from RouterOS is skipped without being stored. Our own words are far shorter; this is for
     * lists of ports, and has room for 680 of five digits. */
    ROUTER_WORD_MAX = 4096,
    ROUTER_SENTENCE_MAX = 16384,
    ROUTER_SENTENCE_WORDS_MAX = 48,
    ROUTER_ADDRESSES_MAX = 64,
    ROUTER_LISTS_MAX = 32,
    ROUTER_ORPHANS_MAX = 256,

    /* RouterOS interfaces (VLANs, VRFs and WireGuard tunnels too) have shorter names. */
    INTERFACE_NAME_MAX = 63,
    INSTANCE_NAME_MAX = 32,
    CREDENTIAL_MAX = 255,

    /* RFC 6886 section 3.5 wants an unsupported request to be returned whole. Any datagram that fits an
     * Ethernet frame is received whole; a longer one is dropped. */
    DATAGRAM_MAX = 2048,

    /* The most that one step produces; the rest of the work waits for the next step. */
    ACTIONS_MAX = 512,
    ACTION_BYTES_MAX = 65536,
};
