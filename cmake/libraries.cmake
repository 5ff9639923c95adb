# The third-party libraries as ttyferry::uv, ttyferry::cjson, ttyferry::cmocka: Debian's own
# packages in the dev build; static ones made from Debian's source packages by
# scripts/build-deps.sh in the others.
if(TTYFERRY_DEPS)
    set(hint "run scripts/build-deps.sh first")
    function(static_library name archive)
        if(NOT EXISTS ${TTYFERRY_DEPS}/lib/${archive})
            message(FATAL_ERROR "${TTYFERRY_DEPS}/lib/${archive} is missing: ${hint}")
        endif()
        add_library(ttyferry::${name} STATIC IMPORTED)
        set_target_properties(ttyferry::${name} PROPERTIES
            IMPORTED_LOCATION ${TTYFERRY_DEPS}/lib/${archive}
            INTERFACE_INCLUDE_DIRECTORIES ${TTYFERRY_DEPS}/include
            INTERFACE_LINK_LIBRARIES "${ARGN}")
    endfunction()
    if(WIN32)
        static_library(uv libuv_a.a psapi user32 advapi32 iphlpapi userenv ws2_32 ole32 shell32)
        static_library(cjson libcjson.a ssp)
    else()
        static_library(uv libuv_a.a)
        static_library(cjson libcjson.a)
    endif()
    static_library(cmocka libcmocka-static.a)
    target_compile_definitions(ttyferry::cjson INTERFACE CJSON_HIDE_SYMBOLS)
    target_compile_definitions(ttyferry::cmocka INTERFACE CMOCKA_STATIC)
else()
    find_package(PkgConfig REQUIRED)
    pkg_check_modules(uv REQUIRED IMPORTED_TARGET libuv)
    pkg_check_modules(cjson REQUIRED IMPORTED_TARGET libcjson)
    pkg_check_modules(cmocka REQUIRED IMPORTED_TARGET cmocka)
    add_library(ttyferry::uv ALIAS PkgConfig::uv)
    add_library(ttyferry::cjson ALIAS PkgConfig::cjson)
    add_library(ttyferry::cmocka ALIAS PkgConfig::cmocka)
endif()
