# Debian's cross compilers with musl in MUSL_SYSROOT instead of glibc, for static binaries that run at any address.
# MUSL_TRIPLE is the compiler's prefix, MUSL_MACHINE the processor.
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES MUSL_TRIPLE MUSL_MACHINE MUSL_SYSROOT)
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${MUSL_MACHINE})
set(CMAKE_C_COMPILER ${MUSL_TRIPLE}-gcc)
set(CMAKE_AR ${MUSL_TRIPLE}-gcc-ar)
set(CMAKE_RANLIB ${MUSL_TRIPLE}-gcc-ranlib)

execute_process(COMMAND ${CMAKE_C_COMPILER} -print-file-name=include OUTPUT_VARIABLE compiler_headers
                OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
cmake_path(SET project NORMALIZE ${CMAKE_CURRENT_LIST_DIR}/../..)
# -B makes the compiler use musl's start files, under glibc's names. A specs file would replace the compiler's own
# link options, among them the workaround for the Cortex-A53's erratum 843419.
# musl's CMSG_NXTHDR subtracts in unsigned arithmetic, which the compiler reports in the daemon's lines. With glibc the
# warning stays on.
# The binary must contain no path of this machine and no build id, because it would then differ from clone to clone.
# Debian's compiler for ARMv5 uses instructions of 32 bits where those of 16 bits take two thirds of the room.
if(MUSL_TRIPLE STREQUAL "arm-linux-gnueabi")
  set(thumb -mthumb)
endif()
string(JOIN " " CMAKE_C_FLAGS_INIT ${thumb}
  -nostdinc -isystem ${MUSL_SYSROOT}/include -isystem ${compiler_headers} -B${MUSL_SYSROOT}/lib
  -ffile-prefix-map=${project}= -fstack-protector-strong -ffunction-sections -fdata-sections
  -fno-unwind-tables -fno-asynchronous-unwind-tables -Wno-sign-conversion)
set(CMAKE_EXE_LINKER_FLAGS_INIT "-L${MUSL_SYSROOT}/lib")
# These options are here and not among the linker's flags, because the last one counts: a -pie after them would
# require a dynamic loader. The compilers for 32-bit ARM require one nevertheless, unless the linker itself gets the
# option. In a static program musl does not make data read-only after relocation. Alignment for that would cost up to
# 64 KiB of padding in the file where pages may be as large.
string(JOIN "," linker -Wl -static --no-dynamic-linker -z text -z norelro --build-id=none)
set(CMAKE_C_STANDARD_LIBRARIES_INIT "-static-pie ${linker}")

set(CMAKE_FIND_ROOT_PATH ${MUSL_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_LIBDIR} ${MUSL_SYSROOT}/lib/pkgconfig)
set(ENV{PKG_CONFIG_PATH} "")
