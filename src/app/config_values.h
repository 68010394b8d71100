/* Parsers for the kinds of values in a configuration. The span is never empty. They return false if the text
 * is not such a value. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "app/config.h"
#include "base/span.h"

bool config_parse_text(struct span text, char *ret_text, size_t capacity);
bool config_parse_unicast(struct span text, uint32_t *ret_address);
bool config_parse_endpoint(struct span text, char ret_host[CONFIG_HOST_MAX + 1], uint16_t *ret_port);
bool config_parse_listen(struct span text, uint32_t *ret_address, uint16_t *ret_port);
bool config_parse_bool(struct span text, bool *ret_value);
/* The index of the word in a list that ends with NULL. */
bool config_parse_word(struct span text, const char *const *words, unsigned *ret_number);
/* A number from `min` to `max`. */
bool config_parse_number(struct span text, uint16_t min, uint16_t max, uint16_t *ret_number);
/* The name of one RouterOS interface, not what RouterOS takes in a rule for several: !name, all-ppp. */
bool config_parse_interface(struct span text, char *ret_name, size_t capacity);
bool config_parse_instance(struct span text, char ret_name[INSTANCE_NAME_MAX + 1]);
bool config_parse_fingerprint(struct span text, uint8_t ret_fingerprint[TLS_FINGERPRINT_SIZE]);
