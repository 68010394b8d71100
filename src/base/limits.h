/* Every capacity of the core, with its reason. Memory is fixed at start: a request for which a table has
 * no room is answered with Out of Resources. Tables are zero at start, and the kernel gives them real memory
 * only where they are used. */
#pragma once

enum {
    /* A record number fits 16 bits, where 0 means none. There are no more router ports than this. */
    MAPPINGS_MAX = 65535,
    /* MAX_MAPPINGS, so that hosts, or one that invents source addresses, cannot fill the router's table: each
     * new connection passes its rules in order. One in so many of them is kept for hosts that have had a
     * mapping for so long already: invented hosts could map twice at once. */
    MAPPINGS_DEFAULT = 1024,
    MAPPINGS_KEPT_SHARE = 4,
    MAPPINGS_KEPT_AGE_S = 600,
    /* Hosts that have or request a mapping at the same time; this is the size of a /19. */
    CLIENTS_MAX = 8191,
    /* MAX_MAPPINGS_PER_CLIENT, so that one host cannot fill the table. At the maximum, a host with
     * PENDING_PER_REQUEST_MAX pending replies for each mapping takes half of PENDING_REPLIES_MAX. */
    CLIENT_MAPPINGS_DEFAULT = 64,
    CLIENT_MAPPINGS_MAX = 1024,

    /* STATIC_MAPPINGS; an entry for both protocols counts twice. As many as a host may have by default. */
    STATIC_MAPPINGS_MAX = 64,

    /* Changes of rules on the router (each add, set and remove is one) that clients cause: flash memory and a
     * slow processor pay for them. A client may make MAX_MAPPINGS_PER_CLIENT at once, as a program does that
     * starts, and then one a second. All clients together may make this many at once, as after a power
     * failure, and then ROUTER_CHANGES_PER_SECOND, which even the smallest router carries out. A renewal
     * needs none, and what the daemon does by itself does not wait. The first few of a burst are spent on
     * answering sooner: a rule is added before the gateway has granted its lease, and its comment is set
     * then. */
    CLIENT_CHANGE_PERIOD_MS = 1000,
    CLIENT_CHANGES_EAGER = 16,
    ROUTER_CHANGES_BURST = 1024,
    ROUTER_CHANGES_EAGER = 512,
    ROUTER_CHANGES_DEFAULT = 20,
    ROUTER_CHANGES_MAX = 1000,
    /* After so many refusals in a row, in so long a time at least, for a reason that concerns all mappings,
     * the gateway grants none. */
    GATEWAY_REFUSALS = 3,
    GATEWAY_REFUSALS_S = 30,
    /* For so long after the gateway refused a mapping, no rule is added before it has granted the lease: a
     * gateway that has no port left goes on refusing, and each of these rules would be removed again. */
    GATEWAY_REFUSES_S = 60,

    /* Pending replies. The usual client has one socket for a mapping; 8 is generous. */
    PENDING_REPLIES_MAX = 16383,
    PENDING_PER_REQUEST_MAX = 8,

    /* RFC 6886 section 3.1 allows a client one request at a time. double-natpmp acts for many clients: each
     * of them has one, and all together fit into the socket buffer of a home gateway. */
    UPSTREAM_PARALLEL_MAX = 64,

    /* What a gateway may cause by packets that answer no request. One address request in so many seconds: its
     * own announcements are rare. And for each mapping a renewal at the first contradiction, then after
     * pauses of 1 s, 2 s and so on up to this, until it says nothing of the kind for so long. A healthy
     * gateway sends two copies of an answer at the most; a broken one costs two requests a minute and one
     * line in the log. */
    GATEWAY_UNASKED_INTERVAL_S = 60,
    /* A grant that nobody asked for, of a port whose mapping has ended, may be the answer to a copy that was
     * late, so its lease is deleted: once in GATEWAY_UNASKED_INTERVAL_S for each port, for that long at most,
     * and in all so many at once and then one in so many seconds. With three copies of each, twice, it stays
     * below MINUTE_GATEWAY. The other ones end by themselves. */
    GATEWAY_UNASKED_DELETIONS = 8,
    GATEWAY_UNASKED_DELETION_S = 10,
    GATEWAY_CONTRADICTION_PAUSE_MAX_S = 30,
    GATEWAY_CONTRADICTIONS_APART_S = 60,
    /* This one is logged, and after so many answers that say success and grant nothing, a request is refused.
     */
    GATEWAY_CONTRADICTIONS_NOTED = 3,
    /* If each of these renewals was contradicted, one more would settle nothing. For so long after the last
     * contradiction, what the gateway sends last counts, and mappings are renewed when half of their lease is
     * over, and not when their clients ask. */
    GATEWAY_CONTRADICTS_S = 3600,

    /* A static mapping that the gateway refuses for want of a port takes that of one client, and the next one
     * only so much later, unless it has got a port by then: a gateway that refuses for another reason must
     * not cost all clients their ports. */
    STATIC_DISPLACES_S = 600,

    /* What the daemon sends and logs in any minute stays below these numbers, whatever clients, gateway and
     * router do; they follow from the pauses of each module, and the tests check them in every run. To the
     * gateway: so many for its address and clock, so many for each mapping (a request that it does not answer
     * is sent eight times in a minute, by RFC 6886 section 3.1; a contradiction, a conflict or a refusal is
     * followed by a pause), and so many for each request of a client, whose request starts the pauses of that
     * mapping again. On the router, beyond what clients may cause: a rule is put back, replaced or removed
     * six times, and each grant may change its comment. An epoch restarts every ten seconds at most, which
     * fits six announcements of a series; a new address begins a series, too. Of each kind of log line,
     * LOG_BURST and one in LOG_INTERVAL_S. */
    MINUTE_GATEWAY = 100,
    MINUTE_GATEWAY_PER_MAPPING = 20,
    MINUTE_GATEWAY_PER_REQUEST = 4,
    MINUTE_ROUTER_PER_MAPPING = 6 + MINUTE_GATEWAY_PER_MAPPING,
    MINUTE_ANNOUNCEMENTS = 60,
    MINUTE_LOG_PER_KIND = 16,

    /* By default RouterOS allows 20 API sessions, for all programs together. */
    ROUTER_SESSIONS_MAX = 4,
    /* With this many commands in flight, removing 1,000 rules at a stop takes nine round trips. */
    ROUTER_COMMANDS_MAX = 128,
    /* A longer word from RouterOS is skipped without being stored. Our own words are far shorter; this is for
     * lists of ports, and has room for 680 of five digits. */
    ROUTER_WORD_MAX = 4096,
    ROUTER_SENTENCE_MAX = 16384,
    ROUTER_SENTENCE_WORDS_MAX = 48,
    ROUTER_ADDRESSES_MAX = 64,
    ROUTER_LISTS_MAX = 32, /* the bits of interface_list.includes */
    ROUTER_ORPHANS_MAX = 256,
    /* Ports on which the router itself listens, other than the usual ones (port.c): a dozen services, and a
     * WireGuard interface for each provider or site. */
    ROUTER_LISTENS_MAX = 64,
    /* Entries of the connection table that are older than a rule of ours (router_entries.c). One print asks
     * for so many ports, of which each is two words of its query, and there is one print at a time: a router
     * with 100,000 entries is busy with each for a while. So many entries are removed after one print, and if
     * there are more, it is repeated until there have been so many, 1,024 at least: enough for the
     * peers of a torrent. The log says that some are left. Removing an entry writes nothing to flash memory.
     */
    ENTRY_QUERIES_MAX = 8,
    ENTRY_REMOVALS_MAX = 128,
    ENTRY_ROUNDS_MAX = 8,
    /* Tunnels, or interfaces with the same address, among which the way to the gateway is looked for. With
     * more of them, only a route or MIKROTIK_IN_INTERFACE can name it. */
    ROUTER_TUNNELS_MAX = 32,
    /* The chains of a firewall table, and the jumps, returns and first rules of each kind in them. The walk
     * through a table with more of them is incomplete: what it does not know counts as possible. Scripts make
     * some dozens of chains. */
    WALK_CHAINS_MAX = 64,
    WALK_STEPS_MAX = 1024,
    CHAIN_NAME_MAX = 127,
    /* Address lists that rules of the NAT table name, the members of each that are read, and the tunnel's
     * addresses. Whether a rule with a list beyond these limits meets a packet is in doubt. Lists of rules
     * are few and short, but a list of hosts to block may have 100,000 members, which a router prints for a
     * minute. */
    ADDRESS_LISTS_MAX = 8,
    ADDRESS_LIST_NAME_MAX = 63,
    ADDRESS_LIST_ROWS_MAX = 2048,
    ADDRESS_LIST_OWN_MAX = 8,
    /* So often at once, and then one in so many seconds, the daemon puts its rules before others that were
     * put before them. A script that orders its own rules first, again and again, must not make the daemon
     * change the router without end. */
    FRONT_BURST = 3,
    FRONT_INTERVAL_S = 20 * 60,
    /* So often in a row the daemon puts a rule back at once that somebody removed or changed just after it
     * was added; then after pauses that double up to this. A script that undoes each rule must not make the
     * daemon write to flash memory without end, nor fill the table with rules whose comments the script
     * changed. */
    RULE_REMAKES_MAX = 3,
    RULE_REMAKE_PAUSE_MAX_S = 300,
    /* Chains of the NAT table with rules that name ports. Each takes 16 KiB for each protocol, from the first
     * such rule on. What further chains name is in doubt. */
    TAKEN_CHAINS_MAX = 16,

    /* Of each kind of log line: so many at once, then one in so many seconds. Ten lines show an operator what
     * happens and to whom; ten thousand, which a host on the LAN or a router full of rules could cause, would
     * push everything else out of a log that the router keeps in memory. Debug lines are not limited: whoever
     * asks for them wants all. There are 60 kinds; a held line is as long as a line of the core. */
    LOG_BURST = 10,
    LOG_INTERVAL_S = 10,
    LOG_KINDS_MAX = 96,
    LOG_HELD_MAX = 512,

    /* RouterOS interfaces (VLANs, VRFs and WireGuard tunnels too) have shorter names. */
    INTERFACE_NAME_MAX = 63,
    /* Of a RouterOS script, in bytes. RouterOS documents no limit. */
    SCRIPT_NAME_MAX = 63,
    /* From one reading of the rules' counters to the next one, however many read the status. A page or a
     * metrics server reads it each 10 s or more seldom. */
    COUNTERS_PERIOD_S = 10,
    /* From the beginning of one run of ON_CHANGE_SCRIPT to that of the next one. A run may send a message to
     * somebody, and a router starts about one script in a second without a noticeable load. */
    CHANGE_SCRIPT_PERIOD_S = 5,
    INTERFACE_TYPE_MAX = 31,
    INSTANCE_NAME_MAX = 32,
    CREDENTIAL_MAX = 255,

    /* RFC 6886 section 3.5 requires that an unsupported request is returned whole. The daemon receives any
     * datagram that fits an Ethernet frame whole, and drops a longer one. */
    DATAGRAM_MAX = 2048,

    /* File descriptors: 3 standard streams, 7 of the event loop and its timer, 3 for the LAN, the gateway and
     * the health socket, one for each session, and a few that are open for a moment (resolver,
     * announcements): 24. One more for the session of the daemon's own check, one for the feed of `watch`,
     * and one for each of its 8 readers. */
    DESCRIPTORS_MIN = 34,

    /* The most actions and bytes that one step produces. The rest of the work waits for the next step. */
    ACTIONS_MAX = 512,
    ACTION_BYTES_MAX = 65536,
};
