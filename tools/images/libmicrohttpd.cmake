cmake_minimum_required(VERSION 3.25)
project(libmicrohttpd LANGUAGES C)
foreach(name connection daemon internal memorypool mhd_compat mhd_itc mhd_mono_clock mhd_send mhd_sockets mhd_str
        mhd_threads reason_phrase response)
  list(APPEND sources ${LIBMICROHTTPD_SOURCE}/src/microhttpd/${name}.c)
endforeach()
add_library(microhttpd STATIC ${sources})
configure_file(${SETTINGS} ${CMAKE_BINARY_DIR}/MHD_config.h COPYONLY)
target_include_directories(microhttpd PRIVATE ${CMAKE_BINARY_DIR} ${LIBMICROHTTPD_SOURCE}/src/include
                           ${LIBMICROHTTPD_SOURCE}/src/microhttpd)
target_compile_options(microhttpd PRIVATE -Werror=implicit-function-declaration -fno-strict-aliasing)
