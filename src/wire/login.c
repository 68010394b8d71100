#include "wire/routeros.h"

#include <md5.h>

enum {
    CHALLENGE_DIGITS_MAX = 64,
};

static bool parse_hex(struct span hex, uint8_t *ret_bytes)
{
    for (size_t i = 0; i < hex.len / 2; i++) {
        int high = hex_value(hex.data[2 * i]);
        int low = hex_value(hex.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        ret_bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool ros_login_response(struct span password, struct span challenge_hex,
                        char ret_response[ROS_RESPONSE_LENGTH])
{
    uint8_t challenge[CHALLENGE_DIGITS_MAX / 2];
    if (challenge_hex.len < 2 || challenge_hex.len > CHALLENGE_DIGITS_MAX || challenge_hex.len % 2 != 0 ||
        !parse_hex(challenge_hex, challenge)) {
        return false;
    }

    MD5_CTX md5;
    uint8_t digest[MD5_DIGEST_LENGTH];
    const uint8_t zero = 0;
    MD5Init(&md5);
    MD5Update(&md5, &zero, 1);
    MD5Update(&md5, password.data, password.len);
    MD5Update(&md5, challenge, challenge_hex.len / 2);
    MD5Final(digest, &md5);

    char *out = ret_response;
    *out++ = '0';
    *out++ = '0';
    for (size_t i = 0; i < sizeof(digest); i++) {
        *out++ = "0123456789abcdef"[digest[i] >> 4];
        *out++ = "0123456789abcdef"[digest[i] & 0xF];
    }
    return true;
}
