cmake_minimum_required(VERSION 3.25)
project(wolfssl LANGUAGES C)
foreach(name src/internal src/keys src/ssl src/tls src/wolfio wolfcrypt/src/aes wolfcrypt/src/error wolfcrypt/src/hash
        wolfcrypt/src/logging wolfcrypt/src/memory wolfcrypt/src/random wolfcrypt/src/wc_encrypt wolfcrypt/src/wc_port)
  list(APPEND sources ${WOLFSSL_SOURCE}/${name}.c)
endforeach()
# Only a handshake needs these, so they do not stay in memory (rare.h).
foreach(name asn coding dh ecc hmac kdf rsa sha sha256 sha512 signature sp_int wolfmath)
  list(APPEND rare ${WOLFSSL_SOURCE}/wolfcrypt/src/${name}.c)
endforeach()
set_source_files_properties(${rare} PROPERTIES COMPILE_OPTIONS "-include;${RARE}")
add_library(wolfssl STATIC ${sources} ${rare})
# ARMv5 has no long multiplication among its instructions of 16 bits.
if(MUSL_TRIPLE STREQUAL "arm-linux-gnueabi")
  set_property(SOURCE ${WOLFSSL_SOURCE}/wolfcrypt/src/sp_int.c APPEND PROPERTY COMPILE_OPTIONS -marm)
endif()
# The library reads user_settings.h while it is built, and its users read <wolfssl/options.h>.
configure_file(${SETTINGS} ${CMAKE_BINARY_DIR}/user_settings.h COPYONLY)
target_include_directories(wolfssl PRIVATE ${CMAKE_BINARY_DIR} ${WOLFSSL_SOURCE})
target_compile_definitions(wolfssl PRIVATE WOLFSSL_USER_SETTINGS)
# GCC would replace a function that an idle connection needs by an equal one that only a handshake needs.
target_compile_options(wolfssl PRIVATE -Werror=implicit-function-declaration -fno-ipa-icf)
