/* SPDX-License-Identifier: ISC */
/* apppass.h: app-specific passwords, for programs that know no better. */
/*
 * Sixteen letters a-z in groups of four (75 bits), drawn by the server, shown
 * once and kept as HMAC-SHA-256 under a server key, so that one look in an
 * index tells whether it holds. It reaches only its scope, never what is
 * end-to-end encrypted, and goes when the account's password changes or
 * two-factor is turned off. Nobody guesses 75 bits, so a wrong one slows
 * nobody down: it is noted, a few times an hour, and refused.
 */
#pragma once

#include "server/server.h"
#include "wire/scope.h"

#define APPPASS_MAX 25 /* per account: one for each program a person has */
#define APPPASS_LABEL 64 /* bytes */
#define APPPASS_LETTERS 16

/* Who asks with what, for what. */
struct apppass_ask {
	const char *login; /* NAME or NAME@HOST */
	const char *password; /* as typed: spaces, dashes, capitals are fine */
	enum scope_kind kind;
	const char *service; /* for the log: "imap", "smtp" */
	const char *from; /* address, or "" when it is not known */
	int64_t now_ms;
};

struct apppass_who {
	struct id uid;
	struct id id; /* of the app-specific password */
	char name[LIMIT_NAME_BYTES + 1];
	char scope[SCOPE_BYTES + 1]; /* for scope_parse */
};

/*
 * Does it open that service?
 *
 * errors  wrong-password-or-name, the same for unknown names, wrong, expired
 *         and revoked ones; app-password-scope; two-factor-required;
 *         account-suspended. The last three only after the password held.
 */
MUST_CHECK int apppass_check(struct server *s, const struct apppass_ask *ask,
    struct apppass_who *out, struct err *e);

/* Revoke every one; an event when there was any. */
MUST_CHECK int apppass_drop_all(
    struct tx *tx, struct call *c, const struct id *uid, struct err *e);
