#include "app/secure.h"

#include <errno.h>
#include <stdio.h>

#include "io/file.h"

static void complain(const struct config *config, enum tls_problem problem)
{
    const char *why = "no memory";
    if (problem == TLS_PROBLEM_UNREADABLE)
        why = file_problem(errno);
    else if (problem == TLS_PROBLEM_NO_CA)
        why = "no usable certificate";
    if (problem == TLS_PROBLEM_LIBRARY)
        (void)fputs(
            "double-natpmp: MIKROTIK_API_TLS=\"true\" needs wolfSSL, which is not installed; on Debian 12 "
            "run apt-get install libwolfssl35\n",
            stderr);
    else if (config->tls_ca_file[0] != '\0')
        (void)fprintf(
            stderr,
            "double-natpmp: MIKROTIK_API_TLS_CA=\"%s\" cannot be used: %s; set it to a PEM file with CA "
            "certificates\n",
            log_safe(span_text(config->tls_ca_file)).text, why);
    else
        (void)fprintf(stderr,
                      "double-natpmp: the CA certificates of this system cannot be used: %s; set "
                      "MIKROTIK_API_TLS_FINGERPRINT, or MIKROTIK_API_TLS_CA to a PEM file\n",
                      why);
}

bool secure_open(const struct config *config, struct tls_context **ret_tls)
{
    struct tls_settings settings = {.insecure = config->tls_insecure};
    enum tls_problem problem;
    *ret_tls = NULL;
    if (!config->tls)
        return true;
    if (config->tls_pinned)
        settings.fingerprint = config->tls_fingerprint;
    if (config->tls_ca_file[0] != '\0')
        settings.ca_file = config->tls_ca_file;
    if (config->tls_name[0] != '\0')
        settings.name = config->tls_name;
    else if (!config->tls_insecure && !config->tls_pinned && settings.ca_file == NULL)
        settings.name = config->router_host; /* the system's CAs sign for any server */
    *ret_tls = tls_context_new(&settings, &problem);
    if (*ret_tls == NULL)
        complain(config, problem);
    return *ret_tls != NULL;
}
