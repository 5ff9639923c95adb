# What holds for every target of ours: the C standard, warnings as errors, hardening.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()

option(TTYFERRY_SANITIZE "Build with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)

add_library(house INTERFACE)
target_include_directories(house INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(house INTERFACE TTYFERRY_VERSION="${PROJECT_VERSION}")
target_compile_options(house INTERFACE
    -Wall -Wextra -Wshadow -Wundef -Wvla -Wstrict-prototypes -Wmissing-prototypes
    -Wimplicit-fallthrough -Werror
    -fstack-protector-strong -fno-common)
if(WIN32)
    target_compile_definitions(house INTERFACE
        UNICODE _UNICODE WIN32_LEAN_AND_MEAN _WIN32_WINNT=0x0A00 __USE_MINGW_ANSI_STDIO=1)
    # -lssp: Debian's mingw keeps the stack protector's runtime in its own library.
    target_link_libraries(house INTERFACE ssp)
else()
    target_compile_definitions(house INTERFACE _GNU_SOURCE)
endif()
if(NOT TTYFERRY_SANITIZE)
    target_compile_definitions(house INTERFACE
        $<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=2>)
else()
    target_compile_options(house INTERFACE
        -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(house INTERFACE -fsanitize=address,undefined)
endif()

# house_library(NAME SOURCES ... [LINK ...]): a static library under the house's rules.
function(house_library name)
    cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
    add_library(${name} STATIC ${arg_SOURCES})
    target_link_libraries(${name} PUBLIC ${arg_LINK} PRIVATE house)
    target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
endfunction()

# house_test(NAME SOURCES ... [LINK ...]): one cmocka program, run by ctest (natively, or under
# Wine where the toolchain names it as the emulator).
function(house_test name)
    cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE ${arg_LINK} ttyferry::cmocka house)
    target_compile_definitions(${name} PRIVATE
        TEST_DOCS="${PROJECT_SOURCE_DIR}/docs")
    add_test(NAME ${name} COMMAND ${name})
endfunction()
