/* SPDX-License-Identifier: ISC */
/* browser.h: what the page's worker gives to the core, beside memory. */
/*
 * The core runs in a worker and is synchronous: a call may block the worker,
 * never the page. web/worker.js is the other side.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __wasm__
#define FROM_WORKER(name) \
	__attribute__((import_module("browser"), import_name(name)))
#else /* for tools that only read */
#define FROM_WORKER(name)
#endif

/*
 * One HTTP request to where the page came from.
 *
 * call  "METHOD PATH\n" and then header lines "Name: value\n".
 * returns the status, 0 when the server was not reached; *size bytes of answer
 * wait for browser_answer.
 */
FROM_WORKER("http")
int32_t browser_http(const char *call, size_t call_n, const uint8_t *body,
    size_t body_n, uint32_t wait_s, size_t *size);
FROM_WORKER("answer") void browser_answer(uint8_t *to);

/* All that this device remembers; the page keeps it, sealed. */
FROM_WORKER("keep") void browser_keep(const uint8_t *state, size_t n);

/* Tell the page something in the middle of a call: text of a JSON object. */
FROM_WORKER("tell") void browser_tell(const char *json, size_t n);
