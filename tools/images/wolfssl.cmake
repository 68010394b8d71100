cmake_minimum_required(VERSION 3.25)
project(wolfssl LANGUAGES C)
# In the order of the linker's layout: first the files that carry data, then those that only a handshake needs. The
# kernel maps code in pieces of 64 KiB, so an idle connection keeps few of them in memory.
foreach(name src/ssl src/internal src/tls13 src/wolfio wolfcrypt/src/aes wolfcrypt/src/memory wolfcrypt/src/wc_port wolfcrypt/src/hmac wolfcrypt/src/sha256
        wolfcrypt/src/sha src/keys src/tls wolfcrypt/src/asn wolfcrypt/src/coding wolfcrypt/src/dh wolfcrypt/src/ecc
        wolfcrypt/src/error wolfcrypt/src/hash wolfcrypt/src/kdf wolfcrypt/src/logging wolfcrypt/src/random
        wolfcrypt/src/rsa wolfcrypt/src/sha512 wolfcrypt/src/signature wolfcrypt/src/sp_int wolfcrypt/src/wc_encrypt
        wolfcrypt/src/wolfmath)
  list(APPEND sources ${WOLFSSL_SOURCE}/${name}.c)
endforeach()
add_library(wolfssl STATIC ${sources})
# ARMv5 has no long multiplication among its instructions of 16 bits.
if(MUSL_TRIPLE STREQUAL "arm-linux-gnueabi")
  set_source_files_properties(${WOLFSSL_SOURCE}/wolfcrypt/src/sp_int.c PROPERTIES COMPILE_OPTIONS -marm)
endif()
# The library reads user_settings.h while it is built, and its users read <wolfssl/options.h>.
configure_file(${SETTINGS} ${CMAKE_BINARY_DIR}/user_settings.h COPYONLY)
target_include_directories(wolfssl PRIVATE ${CMAKE_BINARY_DIR} ${WOLFSSL_SOURCE})
target_compile_definitions(wolfssl PRIVATE WOLFSSL_USER_SETTINGS)
target_compile_options(wolfssl PRIVATE -Werror=implicit-function-declaration)
