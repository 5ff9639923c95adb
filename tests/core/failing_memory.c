#include "tests/core/failing_memory.h"

#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdlib.h>

/* What the linker makes of malloc and the others; the names are its own. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void __wrap_free(void *memory);

#define HELD_MAX 4096

static struct {
    bool running;
    size_t fail_at;
    size_t count;
    bool failed;
    void *held[HELD_MAX];
    size_t held_count;
} memory_state;

static bool must_fail(void)
{
    if (!memory_state.running) {
        return false;
    }
    memory_state.count++;
    if (memory_state.fail_at == 0 || memory_state.count < memory_state.fail_at) {
        return false;
    }
    memory_state.failed = true;
    return true;
}

static void *hold(void *memory)
{
    if (memory_state.running && memory) {
        if (memory_state.held_count == HELD_MAX) {
            abort();
        }
        memory_state.held[memory_state.held_count++] = memory;
    }
    return memory;
}

static void let_go(const void *memory)
{
    for (size_t i = 0; memory && i < memory_state.held_count; i++) {
        if (memory_state.held[i] == memory) {
            memory_state.held[i] = memory_state.held[--memory_state.held_count];
            return;
        }
    }
}

void *__wrap_malloc(size_t size)
{
    return must_fail() ? NULL : hold(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return must_fail() ? NULL : hold(__real_calloc(count, size));
}

void *__wrap_realloc(void *memory, size_t size)
{
    if (must_fail()) {
        return NULL;
    }
    let_go(memory);
    return hold(__real_realloc(memory, size));
}

void __wrap_free(void *memory)
{
    let_go(memory);
    __real_free(memory);
}

void failing_memory_init(void)
{
    cJSON_Hooks hooks = {.malloc_fn = __wrap_malloc, .free_fn = __wrap_free};

    cJSON_InitHooks(&hooks);
}

void failing_memory_start(size_t fail_at)
{
    memory_state.running = true;
    memory_state.fail_at = fail_at;
    memory_state.count = 0;
    memory_state.failed = false;
    memory_state.held_count = 0;
}

bool failing_memory_stop(void)
{
    memory_state.running = false;
    return memory_state.failed;
}

size_t failing_memory_held(void)
{
    return memory_state.held_count;
}
