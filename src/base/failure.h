/* The ways in which a connection to the router fails: one row each, with all that the program says about it.
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
      .text = "the connection to the router was lost", .finding = FAILURE_FINDING_ENDED,                     \
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
    X(SILENT, .state = "the router stopped answering", .text = "the router stopped answering",               \
      .finding = FAILURE_FINDING_ENDED, .cure = FAILURE_CURE_LOG)                                            \
    X(PROTOCOL, .must_act = true,                                                                            \
      .state = "what answers at MIKROTIK_API_ADDRESS does not speak the RouterOS API",                       \
      .text = "what answers at MIKROTIK_API_ADDRESS does not speak the RouterOS API",                        \
      .remedy = "check the port", .finding = "does not speak the RouterOS API",                              \
      .cure = FAILURE_CURE_ADDRESS)

#define FAILURES(X) FAILURES_OF_CONNECTION(X) FAILURES_OF_SESSION(X)

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
};

#define FAILURE_COUNT(name, ...) +1
enum {
    CONNECTION_FAILURES = 0 FAILURES_OF_CONNECTION(FAILURE_COUNT), /* FAILURE_RESOLVE is 1 */
    ALL_FAILURES = 0 FAILURES(FAILURE_COUNT),
};
#undef FAILURE_COUNT

struct failure_text {
    bool must_act;       /* it stays until the operator acts: an error in the log, not a warning */
    const char *state;   /* for `health` */
    const char *text;    /* for the log */
    const char *remedy;  /* for the log; NULL: connecting again is all that can be done */
    const char *finding; /* for `check`, behind "the API at HOST port PORT" */
    const char *cure;    /* for `check`, with {service}, {host}, {port} and this machine's {address} */
};

/* All NULL for FAILURE_NONE. */
const struct failure_text *failure_text(enum failure failure);
