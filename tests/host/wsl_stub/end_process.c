/* Ends the process of that id as a crash does: with an exit code that is not 0, which neither a
 * signal of Linux nor Wine's taskkill gives. */
#include <windows.h>

#include <stdlib.h>

#define ACCESS_VIOLATION 0xC0000005u

int main(int argc, char **argv)
{
    DWORD id = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
    HANDLE process = OpenProcess(PROCESS_TERMINATE, FALSE, id);

    return process != NULL && TerminateProcess(process, ACCESS_VIOLATION) ? 0 : 1;
}
