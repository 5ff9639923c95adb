# Windows x86-64 by mingw-w64; ctest runs the programs under Wine.
include(${CMAKE_CURRENT_LIST_DIR}/cache.cmake)
set(TTYFERRY_DEPS ${TTYFERRY_CACHE}/deps/mingw)

set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER x86_64-w64-mingw32-gcc)
set(CMAKE_RC_COMPILER x86_64-w64-mingw32-windres)
set(CMAKE_FIND_ROOT_PATH /usr/x86_64-w64-mingw32)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
find_program(TTYFERRY_WINE NAMES wine /usr/lib/wine/wine64)
if(TTYFERRY_WINE)
    set(CMAKE_CROSSCOMPILING_EMULATOR ${TTYFERRY_WINE})
endif()
set(CMAKE_EXE_LINKER_FLAGS_INIT
    "-static -Wl,--dynamicbase,--nxcompat,--high-entropy-va -Wl,--no-insert-timestamp")
