/* SPDX-License-Identifier: ISC */
/* gateway_in.h: what the parts of the gateway share; for gateway*.c only. */
#pragma once

#include "server/gateway.h"

#include <stdatomic.h>

/* gateway_text.c. Send one; false, and logged, when it was not taken. */
bool gateway_text(const struct config *c, const struct gateway_message *m,
    const atomic_bool *stop);

/* gateway_call.c. The command's words, NULL behind the last. */
char **gateway_words(const char *command);
void gateway_words_free(char ***words);
/*
 * Run one. `rings` is called once when it takes long enough that the phone
 * must ring. false, and logged, when it failed, or was killed after limit_ms.
 */
bool gateway_call(char *const *words, const struct gateway_message *m,
    int64_t limit_ms, void (*rings)(void *ctx), void *ctx,
    const atomic_bool *stop);

/* gateway_message.c. The last two digits: all that a log may hold of it. */
const char *gateway_tail(const struct gateway_message *m);
