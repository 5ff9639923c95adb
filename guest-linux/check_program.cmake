# Holds the finished static program to what users are promised: position-independent, no libraries,
# no interpreter, hardened, small.
cmake_minimum_required(VERSION 3.25)
set(size_max 1000000)

execute_process(COMMAND ${READELF} -h -l -d --wide ${PROGRAM} OUTPUT_VARIABLE headers
    COMMAND_ERROR_IS_FATAL ANY)
foreach(wanted "Type: +DYN" "GNU_RELRO" "FLAGS_1.*PIE")
    if(NOT headers MATCHES "${wanted}")
        message(FATAL_ERROR "${PROGRAM}: readelf shows nothing like '${wanted}'")
    endif()
endforeach()
foreach(unwanted "INTERP" "NEEDED" "TEXTREL" "GNU_STACK[^\n]*RWE")
    if(headers MATCHES "${unwanted}")
        message(FATAL_ERROR "${PROGRAM}: readelf shows '${unwanted}'")
    endif()
endforeach()
file(SIZE ${PROGRAM} size)
if(STRIPPED AND size GREATER size_max)
    message(FATAL_ERROR "${PROGRAM} has ${size} bytes, more than ${size_max}")
endif()
