/* errno becomes one of ours here, and nowhere else in the guest. */
#ifndef TTYFERRY_GUEST_OS_ERROR_H
#define TTYFERRY_GUEST_OS_ERROR_H

/* One of ERR_* for a positive errno. */
int os_error_from_errno(int number);

#endif
