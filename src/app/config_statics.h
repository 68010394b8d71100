/* STATIC_MAPPINGS: a list of protocol:address:internal port[:external port]. */
#pragma once

#include "app/config.h"

/* What an entry looks like. */
#define CONFIG_STATICS_ALLOWED                                                                               \
    "entries of the form protocol:address:port[:external port], such as tcp:192.168.88.11:32400, with "      \
    "commas "                                                                                                \
    "between them; the protocol is tcp, udp or both"

/* Reads the list into config->static_mapping. Returns NULL, or what is wrong with *ret_entry. The rest of the
 * configuration must be complete, because no entry may lead to an address that it names. */
const char *config_parse_statics(struct config *config, struct span text, struct span *ret_entry);
void config_print_statics(const struct config *config, FILE *out);
