# Linux x86-64 with musl, linked as one static-pie.
#
# `musl-gcc -static-pie` silently makes a dynamic program (its spec file knows nothing of
# static-pie), so the start files and the linker's flags are named here one by one;
# guest-linux/CMakeLists.txt asserts the outcome.
include(${CMAKE_CURRENT_LIST_DIR}/cache.cmake)
set(TTYFERRY_DEPS ${TTYFERRY_CACHE}/deps/musl)

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER musl-gcc)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
# The kernel's headers come after musl's own.
set(CMAKE_C_FLAGS_INIT
    "-fPIE -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu")

function(gcc_file name out)
    execute_process(COMMAND musl-gcc -print-file-name=${name}
        OUTPUT_VARIABLE path OUTPUT_STRIP_TRAILING_WHITESPACE)
    set(${out} ${path} PARENT_SCOPE)
endfunction()
set(musl_lib /usr/lib/x86_64-linux-musl)
gcc_file(crtbeginS.o crtbegin)
gcc_file(crtendS.o crtend)
set(CMAKE_C_LINK_EXECUTABLE
    "<CMAKE_C_COMPILER> -nostartfiles -static -Wl,-pie -Wl,--no-dynamic-linker -Wl,-z,text -Wl,-z,relro,-z,now -Wl,-z,noexecstack ${musl_lib}/rcrt1.o ${musl_lib}/crti.o ${crtbegin} <FLAGS> <LINK_FLAGS> <OBJECTS> -o <TARGET> <LINK_LIBRARIES> ${crtend} ${musl_lib}/crtn.o")
