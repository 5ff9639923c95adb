/* How many handles a process has open, for leak tests. */
#ifndef PROCESS_HANDLES_H
#define PROCESS_HANDLES_H

#include <windows.h>

/* Finds a process by image name ("ttyferry.exe", any case).  ERROR_NOT_FOUND if there is none,
 * ERROR_MORE_DATA if there are several, for then the caller must name a pid. */
DWORD process_handles_find(const wchar_t *image, DWORD *pid);

/* ERROR_NOT_FOUND if no such process has a handle. */
DWORD process_handles_count(DWORD pid, DWORD *count);

#endif
