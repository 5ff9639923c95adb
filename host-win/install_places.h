/* Where an installation keeps things on Windows, and its note of what it has made. */
#ifndef TTYFERRY_HOST_WIN_INSTALL_PLACES_H
#define TTYFERRY_HOST_WIN_INSTALL_PLACES_H

#include <windows.h>

#include "host-win/program_files.h"
#include "host-win/wsl.h"
#include "shared/core/install_state.h"

#define INSTALL_PLACES_PATH_SIZE 1024

struct install_places {
    HKEY root;                                       /* the registry's, with the user's keys */
    wchar_t program_folder[PROGRAM_FILES_PATH_SIZE]; /* ...\Programs\ttyferry */
    wchar_t data_folder[PROGRAM_FILES_PATH_SIZE];    /* ...\ttyferry */
    wchar_t source[PROGRAM_FILES_PATH_SIZE];         /* the program that runs, whatever its name */
    char program[INSTALL_PLACES_PATH_SIZE];          /* the installed ttyferry.exe, UTF-8 */
    char config[INSTALL_PLACES_PATH_SIZE];
    char key[INSTALL_PLACES_PATH_SIZE];
    char log[INSTALL_PLACES_PATH_SIZE];
    char wsl[WSL_PROGRAM_SIZE];
};

/* The real ones of this user. Returns 0, ERR_NOT_FOUND (no %LOCALAPPDATA%), ERR_TOO_LONG or ERR_IO.
 */
int install_places_find(struct install_places *places);

/* install.json. Reading returns 0, ERR_NOT_FOUND, ERR_INVALID or ERR_IO; writing replaces it in one
 * step and returns 0 or ours. */
int install_places_read_state(const struct install_places *places, struct install_state *state);
int install_places_write_state(const struct install_places *places,
                               const struct install_state *state);

/* Reads a file of the data folder whole. Returns 0, ERR_NOT_FOUND, ERR_TOO_LONG (more than `size`
 * bytes) or ERR_IO. */
int install_places_read_file(const struct install_places *places, const wchar_t *name, char *text,
                             size_t size, size_t *len);

/* Writes a whole file of UTF-8 in the data folder, in one step. Returns 0, ERR_DENIED or ERR_IO. */
int install_places_write_file(const struct install_places *places, const wchar_t *name,
                              const char *text, size_t len);

#endif
