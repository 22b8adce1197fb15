/* SPDX-License-Identifier: ISC */
/* err.h: how a function says why it failed. */
/*
 * A function that can fail returns 0 or -1 and fills `struct err *e`, its last
 * parameter.  The code is for programs (one HTTP status, one exit status, one
 * remedy each, all in err_table.h); the message is for people, grows a prefix
 * on its way up and never holds a secret.
 */
#pragma once

#include "base/err_table.h"
#include "base/own.h"

#include <stdbool.h>
#include <stddef.h>

#define ERR_ENUM(id, code, http, exit_status, what, remedy) id,
enum err_code { ERR_TABLE(ERR_ENUM) ERR_CODES };
#undef ERR_ENUM

struct err {
	enum err_code code;
	char msg[640];
	char remedy[320]; /* empty: the catalogue's remedy holds */
	/* These words are a server's, and may be anything. */
	bool heard, remedy_heard;
};

/* Set code and message. Always returns -1. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...)
    PRINTF(3, 4);

/* Put "prefix: " before the message. Always returns -1. */
int err_in(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/*
 * Set message "what: strerror(errno)" and the code that errno stands for:
 * ENOSPC and EDQUOT disk-full-here, ENOENT not-found, all others io-error.
 * Always returns -1.
 */
int err_sys(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/* Replace the catalogue's remedy by a better one. Always returns -1. */
int err_remedy(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/* Forget. */
void err_clear(struct err *e);

/* What the catalogue has: "blob-corrupt", a sentence, the remedy that holds. */
const char *err_name(enum err_code code);
const char *err_what(enum err_code code);
const char *err_fix(const struct err *e);
/* The status of an answer over HTTP, and of a program that ends so. */
int err_http(enum err_code code);
int err_exit(enum err_code code);
/* Does it end as server-unreachable does? Then nothing is known, and it is to be
 * asked again. */
bool err_unreachable(enum err_code code);

/* The code of a name of n bytes; ERR_CODES when there is none. */
enum err_code err_find(const char *name, size_t n);
