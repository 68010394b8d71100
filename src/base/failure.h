/* The ways in which a connection to the router or to the gateway fails: one row each, with what is wrong,
 * why, and what to do about it. The columns are the fields of struct failure_text. Remedies that several
 * places name are macros below the rows.
 *
 * The table is in base because io reports the failure, core logs it, and check makes a finding of it. */
#pragma once

#include <stdbool.h>

/* ---- the router ---- */

/* What io reports about a connection that it opens, or that was open. */
#define FAILURES_OF_CONNECTION(X)                                                                            \
    X(RESOLVE, .state = "the router's name cannot be resolved",                                              \
      .cause = "the name in MIKROTIK_API_ADDRESS has no address, or DNS does not answer",                    \
      .remedy = "check MIKROTIK_API_ADDRESS and this machine's DNS server", .cure = FAILURE_CURE_ADDRESS)    \
    X(REFUSED, .state = "the router refuses connections",                                                    \
      .cause = "its API service is disabled or uses another port",                                           \
      .remedy = "/ip/service/enable api; with TLS: /ip/service/enable api-ssl",                              \
      .cure = "/ip/service/set {service} disabled=no port={port}")                                           \
    X(UNREACHABLE, .state = "the router cannot be reached", .cause = "this machine has no route to it",      \
      .remedy = "check MIKROTIK_API_ADDRESS and this machine's routes", .cure = FAILURE_CURE_ADDRESS)        \
    /* The connection attempt got no answer. */                                                              \
    X(TIMEOUT, .state = "the router does not answer",                                                        \
      .cause = "a firewall drops the connection, or the address is not the router's",                        \
      .remedy = "accept TCP port 8728 (8729 with TLS) from this machine in the router's chain input",        \
      .cure = "/ip/firewall/filter/add chain=input src-address={address} protocol=tcp dst-port={port} "      \
              "action=accept place-before=[:pick [/ip/firewall/filter/find dynamic=no] 0]")                  \
    /* No attempt could be made. Of an open connection: any error that no other row is about. */             \
    X(HERE, .state = "no connection to the router can be opened", .cause = "the cause is on this machine",   \
      .remedy = "check this machine's firewall, and the limits of this process: file descriptors, memory",   \
      .cure = "ip -4 address; ulimit -n")                                                                    \
    /* The router closed it or reset it. */                                                                  \
    X(LOST, .state = "the connection to the router ended", .cure = FAILURE_CURE_LOG)                         \
    /* The router sent an alert. */                                                                          \
    X(TLS_REFUSED, .must_act = true, .state = "the router refuses TLS",                                      \
      .cause = "in most cases its service api-ssl has no certificate",                                       \
      .remedy = "check with /ip/service/print detail; " FAILURE_MAKE_CERTIFICATE                             \
                "; then set MIKROTIK_API_TLS_FINGERPRINT to the output of :put [/certificate/get api "       \
                "fingerprint]",                                                                              \
      .cure = FAILURE_CURE_CERTIFICATE)                                                                      \
    X(TLS_UNTRUSTED, .must_act = true, .state = "the router's certificate is not trusted",                   \
      .cause = "no CA that is trusted here signed it, or it is not for a server",                            \
      .remedy = FAILURE_SHOW_CERTIFICATE                                                                     \
      "; set MIKROTIK_API_TLS_FINGERPRINT to its fingerprint, or MIKROTIK_API_TLS_CA to a file with its "    \
      "CA (/certificate/export-certificate); " FAILURE_MAKE_CERTIFICATE,                                     \
      .cure = FAILURE_CURE_FINGERPRINT)                                                                      \
    X(TLS_OUTDATED, .must_act = true, .state = "the router's certificate has expired or is not valid yet",   \
      .remedy = "compare the clocks; " FAILURE_SHOW_CERTIFICATE "; " FAILURE_MAKE_CERTIFICATE,               \
      .cure = FAILURE_CURE_CERTIFICATE)                                                                      \
    X(TLS_WRONG_NAME, .must_act = true, .state = "the router's certificate is for another name",             \
      .cause = "it must name MIKROTIK_API_TLS_NAME or else MIKROTIK_API_ADDRESS",                            \
      .remedy = FAILURE_SHOW_CERTIFICATE "; " FAILURE_MAKE_CERTIFICATE                                       \
                                         ", with the name as common-name or, for an address, "               \
                                         "subject-alt-name=IP:<address>",                                    \
      .cure = FAILURE_CURE_CERTIFICATE)                                                                      \
    X(TLS_WRONG_PRINT, .must_act = true, .state = "the router's certificate has another fingerprint",        \
      .cause = "it was replaced, or another host answers",                                                   \
      .remedy = "compare MIKROTIK_API_TLS_FINGERPRINT on the router: /certificate/print "                    \
                "detail; " FAILURE_MAKE_CERTIFICATE,                                                         \
      .cure = FAILURE_CURE_FINGERPRINT)                                                                      \
    /* The router ended the handshake without an alert, or what it sends is not TLS. */                      \
    X(TLS_BROKEN, .state = "the router does not speak TLS",                                                  \
      .cause = "the port is not that of api-ssl, or the service does not allow this address",                \
      .remedy = "check that the port in MIKROTIK_API_ADDRESS is 8729; /ip/service/print detail",             \
      .cure = FAILURE_CURE_SERVICE)

/* What only the session over the connection can show. */
#define FAILURES_OF_SESSION(X)                                                                               \
    /* The router accepted the connection, and then it closed it or stayed silent. */                        \
    X(SILENT_LOGIN, .state = "the router does not answer the login",                                         \
      .cause = "the service does not allow this address, or max-sessions is reached",                        \
      .remedy = "/ip/service/print detail", .cure = FAILURE_CURE_SERVICE)                                    \
    X(LOGIN, .must_act = true, .state = "the router refuses the login",                                      \
      .cause = "wrong password, an address that the user may not use, or no policy api",                     \
      .remedy = "check MIKROTIK_API_USER, the password, and the user's address; " FAILURE_SET_POLICIES,      \
      .cure = "/user/set [find name={user}] password=CHANGE-ME")                                             \
    /* It did not answer a command in time. */                                                               \
    X(SILENT, .state = "the router stopped answering", .cure = FAILURE_CURE_LOG)                             \
    /* It answers others. */                                                                                 \
    X(UNANSWERED, .state = "the router does not answer a command",                                           \
      .cause = "until it does, nothing new is mapped",                                                       \
      .remedy = "look what keeps it busy: /system/resource/print; restart it if this lasts",                 \
      .cure = FAILURE_CURE_LOG)                                                                              \
    X(PROTOCOL, .must_act = true, .state = "the router does not speak the RouterOS API",                     \
      .cause = "MIKROTIK_API_ADDRESS names another port or another host",                                    \
      .remedy = "check MIKROTIK_API_ADDRESS", .cure = FAILURE_CURE_ADDRESS)

/* What the router refuses, or does not know, over a session that works. */
#define FAILURES_OF_COMMANDS(X)                                                                              \
    X(READ_POLICY, .must_act = true, .state = "the API user may not read the router's tables",               \
      .remedy = FAILURE_SET_POLICIES)                                                                        \
    X(WRITE_POLICY, .must_act = true, .state = "the API user may not change NAT rules",                      \
      .remedy = FAILURE_SET_POLICIES)                                                                        \
    X(NO_INTERFACE, .state = "the router does not show the way to the gateway",                              \
      .cause = "the interface for the rules is unknown, so nothing is mapped",                               \
      .remedy = "check that the tunnel is up, add a route through it to the gateway's address, or set "      \
                "MIKROTIK_IN_INTERFACE")                                                                     \
    X(BAD_INTERFACE, .must_act = true, .state = "the router refuses rules for MIKROTIK_IN_INTERFACE",        \
      .cause = "it has no interface of that name, so nothing is mapped",                                     \
      .remedy = "correct MIKROTIK_IN_INTERFACE, or remove it; the names: /interface/print")                  \
    /* Two in a row. The first one causes the line of COMMAND alone, with the router's words. */             \
    X(REFUSES_RULES, .state = "the router refuses to add rules",                                             \
      .cause = "an earlier line has its reason, so nothing new is mapped", .remedy = "/log/print")           \
    X(INVALID_RULES, .state = "the router says that rules of double-natpmp are invalid",                     \
      .cause = "their interface is gone or disabled", .remedy = FAILURE_SHOW_INVALID)                        \
    X(HIDDEN_RULES, .state = "another rule on the router takes the connections of our rules",                \
      .cause = "it is put before them again and again",                                                      \
      .remedy = "find out what adds or moves it: /ip/firewall/nat/print where chain=dstnat")                 \
    X(BARRED, .state = "a dynamic rule on the router takes everything from the tunnel",                      \
      .cause = "nothing can be put before it, so nothing is mapped",                                         \
      .remedy = "find out what makes it: /ip/firewall/nat/print detail where dynamic")                       \
    X(SLOW, .state = "the router needs longer than 12 s to add a rule",                                      \
      .cause = "clients are answered after 12 s, so nothing new is mapped",                                  \
      .remedy = "look what keeps it busy: /system/resource/print")                                           \
    /* For any other reason than the policies. The next command may well succeed: `health` does not count    \
     * this one. */                                                                                          \
    X(COMMAND)

#define FAILURES(X) FAILURES_OF_CONNECTION(X) FAILURES_OF_SESSION(X) FAILURES_OF_COMMANDS(X)

#define FAILURE_SHOW_INVALID "check their interface: /ip/firewall/nat/print detail where invalid"
#define FAILURE_SHOW_CERTIFICATE "show it: /certificate/print detail"
#define FAILURE_MAKE_CERTIFICATE                                                                             \
    "make a new one: /certificate/add name=api common-name=api days-valid=3650; /certificate/sign api; "     \
    "/ip/service/set api-ssl certificate=api disabled=no"
/* No command: it would take away the policies that it does not name. */
#define FAILURE_SET_POLICIES                                                                                 \
    "give the group of the API user the policies read, write, test and api, and leave it the others "        \
    "(/user/group/print)"
#define FAILURE_CURE_ADDRESS                                                                                 \
    "set MIKROTIK_API_ADDRESS to an address of the router that this machine reaches, and to the port of "    \
    "its service {service}"
#define FAILURE_CURE_CERTIFICATE                                                                             \
    "/certificate/add name=api common-name={host} days-valid=3650; /certificate/sign api; "                  \
    "/ip/service/set api-ssl certificate=api"
#define FAILURE_CURE_FINGERPRINT                                                                             \
    "if it is the router that answers, set MIKROTIK_API_TLS_FINGERPRINT to the output of "                   \
    ":put [/certificate/get [/ip/service/get api-ssl certificate] fingerprint]"
#define FAILURE_CURE_SERVICE "/ip/service/print detail where name={service}"
#define FAILURE_CURE_LOG "/log/print where topics~\"error|critical|system\""

/* ---- the gateway ---- */

/* What the gateway is like when its socket reports no error. */
#define GATEWAY_STATES(X)                                                                                    \
    /* The gateway sent nothing yet, and nothing is wrong yet. */                                            \
    X(UNKNOWN, .state = "the gateway has not answered yet")                                                  \
    X(FINE)                                                                                                  \
    X(SILENT, .state = "the gateway does not answer",                                                        \
      .cause = "the tunnel is down, VPN_GATEWAY is wrong, or packets to it bypass the tunnel",               \
      .remedy = "check the tunnel, VPN_GATEWAY, and the route to it",                                        \
      .cure = "/tool/ping {gateway} count=3")                                                                \
    /* It answers the address request with an error, which the result code explains. */                      \
    X(REFUSES, .state = "the gateway gives no external address",                                             \
      .remedy = "check that the key and the server offer NAT-PMP, or choose another server")                 \
    /* It says so: it may speak only PCP. */                                                                 \
    X(NO_NAT_PMP, .state = "the gateway does not speak NAT-PMP",                                             \
      .remedy = "check VPN_GATEWAY, and that the provider offers NAT-PMP")                                   \
    /* It answers the address request, and refuses each request for a mapping, whoever asks. */              \
    X(REFUSES_MAPPINGS, .state = "the gateway refuses every mapping",                                        \
      .cause = "the key was made without NAT-PMP, or the server does not offer it",                          \
      .remedy = FAILURE_MAKE_KEY, .cure = FAILURE_MAKE_KEY)

/* What the socket towards the gateway reports. */
#define GATEWAY_ERRORS(X)                                                                                    \
    /* ECONNREFUSED: the host exists, but nothing listens on UDP port 5351. */                               \
    X(PORT_UNREACHABLE, .state = "the gateway refuses NAT-PMP (port unreachable)",                           \
      .cause = "the key was made without it, or the server does not offer it", .remedy = FAILURE_MAKE_KEY,   \
      .cure = FAILURE_MAKE_KEY)                                                                              \
    /* ENETUNREACH, EHOSTUNREACH: here or at a router on the way. */                                         \
    X(NO_ROUTE, .state = "the gateway cannot be reached",                                                    \
      .cause = "there is no route to it, from here or from the router",                                      \
      .remedy = "check that the tunnel is up", .cure = "/interface/wireguard/peers/print detail")            \
    X(NO_SOURCE, .state = "GATEWAY_SOURCE or GATEWAY_DEVICE cannot be used",                                 \
      .cause = "this machine does not have that address or interface",                                       \
      .remedy = "check that the tunnel is up: ip -4 address", .cure = "ip -4 address")                       \
    /* EPERM (a firewall), ENOBUFS and the rest. */                                                          \
    X(SEND_FAILED, .state = "nothing can be sent to the gateway",                                            \
      .cause = "this machine's firewall may forbid it", .remedy = "allow outgoing UDP to port 5351",         \
      .cure = "allow outgoing UDP to port 5351")

#define FAILURE_MAKE_KEY                                                                                     \
    "with ProtonVPN: make a new WireGuard key with NAT-PMP (port forwarding) enabled, for a P2P server"
/* The gateway does not authorize the client (result 2). */
#define FAILURE_GET_AUTHORIZED                                                                               \
    "with ProtonVPN: use a paid plan, a key made with NAT-PMP enabled, and a P2P server"
/* The gateway misbehaves, which only its operator can mend. */
#define FAILURE_CHANGE_SERVER "choose another server if this lasts"

/* ---- what the rows become ---- */

enum failure {
    FAILURE_NONE,
#define FAILURE_ENUMERATOR(name, ...) FAILURE_##name,
    FAILURES(FAILURE_ENUMERATOR)
#undef FAILURE_ENUMERATOR
        FAILURES_END,
};

enum gateway_trouble {
#define GATEWAY_ENUMERATOR(name, ...) GATEWAY_##name,
    GATEWAY_STATES(GATEWAY_ENUMERATOR) GATEWAY_ERRORS(GATEWAY_ENUMERATOR)
#undef GATEWAY_ENUMERATOR
        GATEWAY_TROUBLES,
};

/* FAILURE_NONE + 1 to FAILURE_NONE + CONNECTION_FAILURES may come from io. */
enum {
#define FAILURE_NUMBER(name, ...) FAILURE_NUMBER_##name,
    FAILURES_OF_CONNECTION(FAILURE_NUMBER)
#undef FAILURE_NUMBER
        CONNECTION_FAILURES,
};

/* It answers the address request, but not with an address. */
static inline bool gateway_trouble_is_an_answer(enum gateway_trouble trouble)
{
    return trouble == GATEWAY_REFUSES || trouble == GATEWAY_NO_NAT_PMP;
}

struct failure_text {
    bool must_act;      /* it lasts until the operator acts: an error in the log, not a warning */
    const char *state;  /* what is wrong, a sentence; NULL: nothing is */
    const char *cause;  /* most likely; NULL: the state says it all */
    const char *remedy; /* for the log, which does not know this set-up; NULL: wait */
    /* For `check`: what to paste, with {service}, {host}, {port}, {user}, {gateway} and this machine's
     * {address}. */
    const char *cure;
};

/* All NULL for FAILURE_NONE. */
const struct failure_text *failure_text(enum failure failure);
const struct failure_text *gateway_trouble_text(enum gateway_trouble trouble);
