/* What is wrong with the router, in words, with the likely cause and the cure; once, when it changes. */
#include "core/router.h"

static const char component[] = "router";

#define SHOW_CERTIFICATE "show it: /certificate/print detail"
#define MAKE_CERTIFICATE                                                                                     \
    "make one: /certificate/add name=api common-name=api days-valid=3650; /certificate/sign api; "           \
    "/ip/service/set api-ssl certificate=api disabled=no"

static const char *tls_advice(enum session_failure failure)
{
    if (failure == SESSION_FAILURE_TLS_REFUSED)
        return "the router ends the TLS handshake: as a rule its service api-ssl has no certificate; "
               "show which: /ip/service/print detail; " MAKE_CERTIFICATE
               "; then set MIKROTIK_API_TLS_FINGERPRINT to what :put [/certificate/get api fingerprint] "
               "shows; trying on";
    if (failure == SESSION_FAILURE_TLS_OUTDATED)
        return "the router's certificate has expired or is not valid yet; compare the "
               "clocks; " SHOW_CERTIFICATE "; " MAKE_CERTIFICATE "; trying on";
    if (failure == SESSION_FAILURE_TLS_WRONG_NAME)
        return "the router's certificate is for another name than MIKROTIK_API_TLS_NAME or, if that is not "
               "set, MIKROTIK_API_ADDRESS; " SHOW_CERTIFICATE "; " MAKE_CERTIFICATE
               ", with the name as common-name or, for an address, subject-alt-name=IP:<address>; trying on";
    if (failure == SESSION_FAILURE_TLS_WRONG_PRINT)
        return "the router's certificate has another fingerprint than MIKROTIK_API_TLS_FINGERPRINT: it was "
               "replaced, or somebody stands between; ask the router itself and " SHOW_CERTIFICATE
               "; " MAKE_CERTIFICATE "; trying on";
    return "the router's certificate is not signed by a CA that is trusted here, or not for a "
           "server; " SHOW_CERTIFICATE
           "; set MIKROTIK_API_TLS_FINGERPRINT to its fingerprint, or MIKROTIK_API_TLS_CA to "
           "a file with its CA (/certificate/export-certificate); " MAKE_CERTIFICATE "; trying on";
}

static void report_session(enum session_failure failure, struct actions *out)
{
    const char *text = "";
    enum log_level level = LOG_LEVEL_WARN;
    switch (failure) {
    case SESSION_FAILURE_NONE:
        return;
    case SESSION_FAILURE_RESOLVE:
        text = "the name in MIKROTIK_API_ADDRESS cannot be resolved; check it and the DNS server; trying on";
        break;
    case SESSION_FAILURE_REFUSED:
        text = "the router refuses API connections; enable the service: /ip/service/enable api, "
               "or api-ssl for TLS; trying on";
        break;
    case SESSION_FAILURE_UNREACHABLE:
        text = "no route to the router; check MIKROTIK_API_ADDRESS; trying on";
        break;
    case SESSION_FAILURE_TIMEOUT:
        text = "the router does not answer API connections; a firewall may drop them: accept TCP port 8728, "
               "or 8729 "
               "for TLS, from here in chain input; trying on";
        break;
    case SESSION_FAILURE_HERE:
        text = "no connection to the router can be opened from here; look at this machine's firewall and the "
               "limits of this process (file descriptors, memory); trying on";
        break;
    case SESSION_FAILURE_SILENT_LOGIN:
        text =
            "the router takes the API connection but does not answer the login; check the addresses that the "
            "service allows and its max-sessions: /ip/service/print detail; trying on";
        break;
    case SESSION_FAILURE_LOGIN:
        level = LOG_LEVEL_ERROR;
        text = "the router refuses the login; check MIKROTIK_API_USER and the password, the user's allowed "
               "addresses, "
               "and that its group has the policy api: /user/group/set [find name=<group>] "
               "policy=read,write,test,api; trying on";
        break;
    case SESSION_FAILURE_SILENT:
        text = "the router stopped answering; connecting again";
        break;
    case SESSION_FAILURE_LOST:
        text = "the connection to the router was lost; connecting again";
        break;
    case SESSION_FAILURE_PROTOCOL:
        level = LOG_LEVEL_ERROR;
        text =
            "what answers at MIKROTIK_API_ADDRESS does not speak the RouterOS API; check the port; trying on";
        break;
    case SESSION_FAILURE_TLS_BROKEN:
        text = "what answers at MIKROTIK_API_ADDRESS ends the TLS handshake or speaks no TLS; check that its "
               "port is that of api-ssl, 8729, and which addresses the service allows: "
               "/ip/service/print detail; trying on";
        break;
    case SESSION_FAILURE_TLS_REFUSED:
    case SESSION_FAILURE_TLS_UNTRUSTED:
    case SESSION_FAILURE_TLS_OUTDATED:
    case SESSION_FAILURE_TLS_WRONG_NAME:
    case SESSION_FAILURE_TLS_WRONG_PRINT:
        level = LOG_LEVEL_ERROR;
        text = tls_advice(failure);
        break;
    }
    actions_log(out, level, component, "%s", text);
}

void router_report(struct router *r, enum router_trouble trouble, struct span message, struct actions *out)
{
    uint8_t failure = trouble == ROUTER_TROUBLE_SESSION ? r->session[0].failure : SESSION_FAILURE_NONE;
    if (r->trouble == (uint8_t)trouble && r->trouble_failure == failure)
        return;
    r->trouble = (uint8_t)trouble;
    r->trouble_failure = failure;
    switch (trouble) {
    case ROUTER_TROUBLE_NONE:
        break;
    case ROUTER_TROUBLE_SESSION:
        report_session((enum session_failure)failure, out);
        break;
    case ROUTER_TROUBLE_READ_POLICY:
        actions_log(out, LOG_LEVEL_ERROR, component,
                    "the API user may not read the router's tables: /user/group/set [find name=<group>] "
                    "policy=read,write,test,api");
        break;
    case ROUTER_TROUBLE_WRITE_POLICY:
        actions_log(out, LOG_LEVEL_ERROR, component,
                    "the API user may not change NAT rules: /user/group/set [find name=<group>] "
                    "policy=read,write,test,api");
        break;
    case ROUTER_TROUBLE_NO_INTERFACE:
        actions_log(
            out, LOG_LEVEL_WARN, component,
            "the router has no route to the gateway, so the interface for the rules is not known and nothing "
            "is mapped; is the tunnel up? or set MIKROTIK_IN_INTERFACE; trying on gateway=%s",
            address_text(r->gateway).text);
        break;
    case ROUTER_TROUBLE_COMMAND:
        actions_log(out, LOG_LEVEL_WARN, component, "the router refused a command; trying on message=\"%s\"",
                    log_safe(message).text);
        break;
    }
}
