# Where scripts/build-deps.sh keeps what it built: outside the source tree.
if(DEFINED ENV{TTYFERRY_CACHE})
    set(TTYFERRY_CACHE $ENV{TTYFERRY_CACHE})
elseif(DEFINED ENV{XDG_CACHE_HOME})
    set(TTYFERRY_CACHE $ENV{XDG_CACHE_HOME}/ttyferry)
else()
    set(TTYFERRY_CACHE $ENV{HOME}/.cache/ttyferry)
endif()
