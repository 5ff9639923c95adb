# Takes the guest's program in, as a file that the resource compiler reads.
if(NOT EXISTS ${PROGRAM})
    message(FATAL_ERROR "${PROGRAM} is missing, which ttyferry.exe carries inside: run "
        "scripts/build.sh linux first, or name another with -DTTYFERRY_GUEST_PROGRAM=FILE")
endif()
configure_file(${PROGRAM} ${COPY} COPYONLY)
file(TOUCH ${COPY})
