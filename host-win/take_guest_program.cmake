# Takes the guest's program in, as a file that the resource compiler reads. One that has not changed
# is left alone, so that nothing is linked for it.
if(NOT EXISTS ${PROGRAM})
    message(FATAL_ERROR "${PROGRAM} is missing, which ttyferry.exe carries inside: run "
        "scripts/build.sh linux first, or name another with -DTTYFERRY_GUEST_PROGRAM=FILE")
endif()
file(COPY_FILE ${PROGRAM} ${COPY} ONLY_IF_DIFFERENT)
