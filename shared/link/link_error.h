/* libuv's error numbers become ours here, and nowhere else. */
#ifndef TTYFERRY_LINK_LINK_ERROR_H
#define TTYFERRY_LINK_LINK_ERROR_H

/* 0 for 0 and above, else one of ERR_* for a negative UV_* code. */
int link_error_from_uv(int uv_status);

#endif
