/* The configuration: environment variables to a struct, or one line that says what is wrong with which of
 * them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/attributes.h"
#include "base/limits.h"
#include "core/event.h"
#include "core/proxy.h"
#include "io/tls.h"
#include "io/udp_client.h"

enum {
    CONFIG_HOST_MAX = 253, /* RFC 1035 section 2.3.4, as text */
    CONFIG_PATH_MAX = 1023,
    CONFIG_ERROR_MAX = 512,
};

struct config {
    uint32_t gateway; /* host byte order, as everywhere */
    uint16_t gateway_port;
    struct udp_way gateway_way;
    uint32_t listen_address; /* 0: every address */
    uint16_t listen_port;
    char router_host[CONFIG_HOST_MAX + 1]; /* a name, an IPv4 address, or an IPv6 address without brackets */
    uint16_t router_port;
    char user[CREDENTIAL_MAX + 1];
    char password[CREDENTIAL_MAX + 1];
    char password_file[CONFIG_PATH_MAX + 1]; /* empty: the password was given itself */
    char instance[INSTANCE_NAME_MAX + 1];
    char in_interface[INTERFACE_NAME_MAX + 1]; /* empty: the router is asked */
    enum lease_hold lease_hold;
    enum gateway_mode gateway_mode;
    bool tls;
    bool tls_insecure; /* then none of the three below */
    bool tls_pinned;   /* tls_fingerprint alone counts */
    uint8_t tls_fingerprint[TLS_FINGERPRINT_SIZE];
    char tls_ca_file[CONFIG_PATH_MAX + 1]; /* empty: the system's CAs */
    char tls_name[CONFIG_HOST_MAX + 1];    /* empty: not given */
    uint16_t client_mappings_max;          /* 1 .. CLIENT_MAPPINGS_MAX */
    enum log_level log_level;
};

/* One line without its newline, printable, never with a password. */
struct config_error {
    char text[CONFIG_ERROR_MAX];
};

/* Text to struct only: no file, no name server. `environment` is a list of NAME=value that ends with NULL; an
 * empty value counts as not set. Variables of other programs are left alone. */
nodiscard_ bool config_parse(struct config *ret_config, const char *const *environment,
                             struct config_error *ret_error);
/* The same for what tells one daemon on this machine from another, INSTANCE and LISTEN_ADDR, alone: the rest
 * may be missing. */
nodiscard_ bool config_parse_identity(struct config *ret_config, const char *const *environment,
                                      struct config_error *ret_error);
/* Fills in the password from the file, if one is named. */
nodiscard_ bool config_read_password(struct config *config, struct config_error *ret_error);
/* The effective values as lines of NAME=value, with "(hidden)" for a password. */
void config_print(const struct config *config, FILE *out);
/* Overwrites the password in the environment with zeros where it stands, so that neither /proc nor a child
 * shows it. */
void config_wipe_environment(char **environment);
