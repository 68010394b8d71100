/* The ways in which a connection to the router or the gateway fails: one row each, with all that the program
 * says about it.
 *
 * It stands in base because io names the reason, core keeps and logs it, and check turns it into a finding.
 */
#pragma once

#include <stdbool.h>

/* What io reports about a connection that it opens, or that was open. */
#define FAILURES_OF_CONNECTION(X)                                                                            \
    X(RESOLVE, .state = "the router's name cannot be resolved",                                              \
      .text = "the name in MIKROTIK_API_ADDRESS cannot be resolved",                                         \
      .remedy = "check it and the DNS server", .finding = "has no address that could be found",              \
      .cure = FAILURE_CURE_ADDRESS)                                                                          \
    X(REFUSED, .state = "the router refuses API connections", .text = "the router refuses API connections",  \
      .remedy = "enable the service: /ip/service/enable api, or api-ssl for TLS",                            \
      .finding = "refuses connections: the service is disabled, or has another port",                        \
      .cure = "/ip/service/set {service} disabled=no port={port}")                                           \
    X(UNREACHABLE, .state = "the router cannot be reached", .text = "no route to the router",                \
      .remedy = "check MIKROTIK_API_ADDRESS", .finding = "cannot be reached: no route from here",            \
      .cure = FAILURE_CURE_ADDRESS)                                                                          \
    /* The connection attempt got no answer. */                                                              \
    X(TIMEOUT, .state = "the router does not answer API connections",                                        \
      .text = "the router does not answer API connections",                                                  \
      .remedy = "a firewall may drop them: accept TCP port 8728, or 8729 for TLS, from here in chain input", \
      .finding = "does not answer: a firewall drops the connection, or it is not the router",                \
      .cure = "/ip/firewall/filter/add chain=input src-address={address} protocol=tcp dst-port={port} "      \
              "action=accept place-before=[:pick [/ip/firewall/filter/find dynamic=no] 0]")                  \
    /* No attempt could be made; of an open connection, anything that none of the other rows is about. */    \
    X(HERE, .state = "no connection to the router can be opened from here",                                  \
      .text = "no connection to the router can be opened from here",                                         \
      .remedy = "look at this machine's firewall and the limits of this process (file descriptors, memory)", \
      .finding = "cannot be asked: this machine makes no connection", .cure = "ip -4 address; ulimit -n")    \
    /* The peer closed or reset it. */                                                                       \
    X(LOST, .state = "the connection to the router was lost",                                                \
      .text = "the connection to the router was lost; connecting again", .finding = FAILURE_FINDING_ENDED,   \
      .cure = FAILURE_CURE_LOG)                                                                              \
    /* The peer ended the handshake with an alert: as a rule, it has no certificate. */                      \
    X(TLS_REFUSED, .must_act = true, .state = "the router refuses TLS",                                      \
      .text = "the router ends the TLS handshake: as a rule its service api-ssl has no certificate",         \
      .remedy = "show which: /ip/service/print detail; " FAILURE_MAKE_CERTIFICATE                            \
                "; then set MIKROTIK_API_TLS_FINGERPRINT to what :put [/certificate/get api fingerprint] "   \
                "shows",                                                                                     \
      .finding = "ends the TLS handshake: as a rule its service api-ssl has no certificate",                 \
      .cure = FAILURE_CURE_CERTIFICATE)                                                                      \
    /* No trusted CA signed its certificate, or not for a server. */                                         \
    X(TLS_UNTRUSTED, .must_act = true, .state = "the router's certificate is from no CA that is trusted",    \
      .text = "the router's certificate is not signed by a CA that is trusted here, or not for a server",    \
      .remedy = FAILURE_SHOW_CERTIFICATE                                                                     \
      "; set MIKROTIK_API_TLS_FINGERPRINT to its fingerprint, or MIKROTIK_API_TLS_CA to "                    \
      "a file with its CA (/certificate/export-certificate); " FAILURE_MAKE_CERTIFICATE,                     \
      .finding = "shows a certificate that is not signed by a CA that is trusted here, or not for a server", \
      .cure = FAILURE_CURE_FINGERPRINT)                                                                      \
    X(TLS_OUTDATED, .must_act = true, .state = "the router's certificate is expired or not yet valid",       \
      .text = "the router's certificate has expired or is not valid yet",                                    \
      .remedy = "compare the clocks; " FAILURE_SHOW_CERTIFICATE "; " FAILURE_MAKE_CERTIFICATE,               \
      .finding = "shows a certificate that has expired or is not valid yet",                                 \
      .cure = FAILURE_CURE_CERTIFICATE)                                                                      \
    X(TLS_WRONG_NAME, .must_act = true, .state = "the router's certificate is for another name",             \
      .text = "the router's certificate is for another name than MIKROTIK_API_TLS_NAME or, if that is not "  \
              "set, MIKROTIK_API_ADDRESS",                                                                   \
      .remedy = FAILURE_SHOW_CERTIFICATE "; " FAILURE_MAKE_CERTIFICATE                                       \
                                         ", with the name as common-name or, for an address, "               \
                                         "subject-alt-name=IP:<address>",                                    \
      .finding = "shows a certificate for another name", .cure = FAILURE_CURE_CERTIFICATE)                   \
    X(TLS_WRONG_PRINT, .must_act = true, .state = "the router's certificate has another fingerprint",        \
      .text = "the router's certificate has another fingerprint than MIKROTIK_API_TLS_FINGERPRINT: it was "  \
              "replaced, or somebody stands between",                                                        \
      .remedy = "ask the router itself and " FAILURE_SHOW_CERTIFICATE "; " FAILURE_MAKE_CERTIFICATE,         \
      .finding = "shows a certificate with another fingerprint", .cure = FAILURE_CURE_FINGERPRINT)           \
    /* The peer speaks no TLS, or ended it without an alert. */                                              \
    X(TLS_BROKEN, .state = "TLS with the router does not come about",                                        \
      .text = "what answers at MIKROTIK_API_ADDRESS ends the TLS handshake or speaks no TLS",                \
      .remedy = "check that its port is that of api-ssl, 8729, and which addresses the service allows: "     \
                "/ip/service/print detail",                                                                  \
      .finding =                                                                                             \
          "speaks no TLS, or ends it: another port, or this machine is not in the service's address list",   \
      .cure = FAILURE_CURE_SERVICE)

/* What only the session over the connection can tell. */
#define FAILURES_OF_SESSION(X)                                                                               \
    /* Connected, but the login was not answered or the connection was closed. */                            \
    X(SILENT_LOGIN, .state = "the router does not answer the login",                                         \
      .text = "the router takes the API connection but does not answer the login",                           \
      .remedy = "check the addresses that the service allows and its max-sessions: "                         \
                "/ip/service/print detail",                                                                  \
      .finding =                                                                                             \
          "takes the connection and says nothing: this machine is not in the service's address list, or "    \
          "max-sessions is used up",                                                                         \
      .cure = FAILURE_CURE_SERVICE)                                                                          \
    /* The router refused user and password. */                                                              \
    X(LOGIN, .must_act = true, .state = "the router refuses the login",                                      \
      .text = "the router refuses the login",                                                                \
      .remedy = "check MIKROTIK_API_USER and the password, the user's allowed addresses, and that its "      \
                "group has the policy api: /user/group/set [find name=<group>] "                             \
                "policy=read,write,test,api",                                                                \
      .finding = FAILURE_FINDING_ENDED, .cure = FAILURE_CURE_LOG)                                            \
    /* A command was not answered in time. */                                                                \
    X(SILENT, .state = "the router stopped answering",                                                       \
      .text = "the router stopped answering; connecting again", .finding = FAILURE_FINDING_ENDED,            \
      .cure = FAILURE_CURE_LOG)                                                                              \
    X(PROTOCOL, .must_act = true,                                                                            \
      .state = "what answers at MIKROTIK_API_ADDRESS does not speak the RouterOS API",                       \
      .text = "what answers at MIKROTIK_API_ADDRESS does not speak the RouterOS API",                        \
      .remedy = "check the port", .finding = "does not speak the RouterOS API",                              \
      .cure = FAILURE_CURE_ADDRESS)

/* What the router refuses, or does not know, over a session that works. */
#define FAILURES_OF_COMMANDS(X)                                                                              \
    X(READ_POLICY, .must_act = true, .state = "the API user may not read the router's tables",               \
      .text = "the API user may not read the router's tables: /user/group/set [find name=<group>] "          \
              "policy=read,write,test,api")                                                                  \
    X(WRITE_POLICY, .must_act = true, .state = "the API user may not change NAT rules",                      \
      .text = "the API user may not change NAT rules: /user/group/set [find name=<group>] "                  \
              "policy=read,write,test,api")                                                                  \
    X(NO_INTERFACE, .state = "the router has no route to the gateway",                                       \
      .text = "the router has no route to the gateway, so the interface for the rules is not known and "     \
              "nothing is mapped; is the tunnel up? or set MIKROTIK_IN_INTERFACE; trying on")                \
    X(COMMAND, .text = "the router refused a command; trying on")

#define FAILURES(X) FAILURES_OF_CONNECTION(X) FAILURES_OF_SESSION(X) FAILURES_OF_COMMANDS(X)

/* ---- the gateway ---- */

/* What the socket towards the gateway reports. */
#define GATEWAY_ERRORS(X)                                                                                    \
    /* ECONNREFUSED: the host is there, nothing listens on UDP port 5351. */                                 \
    X(PORT_UNREACHABLE, .state = "the gateway refuses NAT-PMP",                                              \
      .text = "the gateway refuses NAT-PMP (port unreachable); with ProtonVPN: make the key with NAT-PMP "   \
              "enabled, choose a P2P server; trying on",                                                     \
      .finding = "refuses NAT-PMP (port unreachable): the key was made without it, or the server does not "  \
                 "offer it",                                                                                 \
      .cure = "at ProtonVPN: make a new WireGuard key with NAT-PMP (port forwarding) enabled, for a P2P "    \
              "server")                                                                                      \
    /* ENETUNREACH, EHOSTUNREACH, here or at a router on the way: the tunnel is down. */                     \
    X(NO_ROUTE, .state = "there is no route to the gateway",                                                 \
      .text = "no route to the gateway; is the tunnel up? trying on",                                        \
      .finding = "cannot be reached: no route from here, or from the router; is the tunnel up?",             \
      .cure = "/interface/wireguard/peers/print detail")                                                     \
    /* The configured source address or interface is not there. */                                           \
    X(NO_SOURCE, .state = "GATEWAY_SOURCE or GATEWAY_DEVICE cannot be used",                                 \
      .text = "this machine does not have the address or the interface that GATEWAY_SOURCE or "              \
              "GATEWAY_DEVICE names (yet); is the tunnel up? trying on",                                     \
      .finding = "cannot be reached: GATEWAY_SOURCE or GATEWAY_DEVICE is not there; is the tunnel up?",      \
      .cure = "ip -4 address")                                                                               \
    /* EPERM (a firewall), ENOBUFS and the rest. */                                                          \
    X(SEND_FAILED, .state = "nothing can be sent to the gateway",                                            \
      .text = "cannot send to the gateway; a local firewall may forbid it; trying on",                       \
      .finding = "cannot be sent to: a firewall of this machine forbids it",                                 \
      .cure = "allow UDP port 5351 out of this machine")

/* How the gateway is when its socket reports no error. */
#define GATEWAY_STATES(X)                                                                                    \
    /* Nothing was heard and nothing is wrong yet. */                                                        \
    X(UNKNOWN, .state = "the gateway is still being asked", .finding = GATEWAY_FINDING_SILENT,               \
      .cure = GATEWAY_CURE_SILENT)                                                                           \
    X(FINE, .finding = GATEWAY_FINDING_SILENT, .cure = GATEWAY_CURE_SILENT)                                  \
    X(SILENT, .state = "the gateway does not answer",                                                        \
      .text = "the gateway does not answer; check that the tunnel is up, that VPN_GATEWAY is right and "     \
              "that its traffic leaves through the tunnel; trying on",                                       \
      .finding = GATEWAY_FINDING_SILENT, .cure = GATEWAY_CURE_SILENT)                                        \
    /* It answers the address request with an error, which has words of its own. */                          \
    X(REFUSES, .state = "the gateway has no external address, or NAT-PMP is not allowed")

#define GATEWAY_FINDING_SILENT                                                                               \
    "does not answer: the tunnel is down, VPN_GATEWAY is wrong, or our traffic does not leave through the "  \
    "tunnel"
#define GATEWAY_CURE_SILENT "/ping {gateway} count=3"

/* ---- texts of several rows ---- */

#define FAILURE_SHOW_CERTIFICATE "show it: /certificate/print detail"
#define FAILURE_MAKE_CERTIFICATE                                                                             \
    "make one: /certificate/add name=api common-name=api days-valid=3650; /certificate/sign api; "           \
    "/ip/service/set api-ssl certificate=api disabled=no"
#define FAILURE_FINDING_ENDED "ended the connection, or stopped answering"
#define FAILURE_CURE_ADDRESS                                                                                 \
    "set MIKROTIK_API_ADDRESS to an address of the router that this machine reaches, and the port of its "   \
    "service {service}"
#define FAILURE_CURE_CERTIFICATE                                                                             \
    "/certificate/add name=api common-name={host} days-valid=3650; /certificate/sign api; "                  \
    "/ip/service/set api-ssl certificate=api"
#define FAILURE_CURE_FINGERPRINT                                                                             \
    ":put [/certificate/get [/ip/service/get api-ssl certificate] fingerprint] shows what to set "           \
    "MIKROTIK_API_TLS_FINGERPRINT to, if it is the router that answers"
#define FAILURE_CURE_SERVICE "/ip/service/print detail where name={service}"
#define FAILURE_CURE_LOG "/log/print where topics~\"error|critical|system\""

/* ---- what the rows become ---- */

enum failure {
    FAILURE_NONE,
#define FAILURE_ENUMERATOR(name, ...) FAILURE_##name,
    FAILURES(FAILURE_ENUMERATOR)
#undef FAILURE_ENUMERATOR
        FAILURES_END,
};

enum gateway_error {
#define GATEWAY_ENUMERATOR(name, ...) GATEWAY_##name,
    GATEWAY_ERRORS(GATEWAY_ENUMERATOR)
};

enum gateway_trouble {
    GATEWAY_STATES(GATEWAY_ENUMERATOR)
#undef GATEWAY_ENUMERATOR
#define GATEWAY_ENUMERATOR(name, ...) GATEWAY_TROUBLE_##name,
        GATEWAY_ERRORS(GATEWAY_ENUMERATOR)
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

struct failure_text {
    bool must_act;       /* it stays until the operator acts: an error in the log, not a warning */
    const char *state;   /* for `health`; NULL: all is well */
    const char *text;    /* for the log */
    const char *remedy;  /* for the log, behind it; NULL: the text is the whole line */
    const char *finding; /* for `check`, behind "the API at HOST port PORT" or "the gateway ADDRESS" */
    const char
        *cure; /* for `check`, with {service}, {host}, {port}, {gateway} and this machine's {address} */
};

/* All NULL for FAILURE_NONE. */
const struct failure_text *failure_text(enum failure failure);
const struct failure_text *gateway_trouble_text(enum gateway_trouble trouble);
