/* SPDX-License-Identifier: ISC */
/* newcomer.h: a device before it is in: its password, keys and request. */
#pragma once

#include "client/login.h"
#include "vault/devkey.h"

struct newcomer {
	struct remote *remote; /* with the request's token, once it is made */
	char *host, *token;
	struct devkey *key;
	struct device device;
	struct buf record; /* device, encoded */
	struct id opening, nonce, uid;
	struct id join; /* the request */
	struct secret *export_key; /* that only the password opens */
};

/* All it holds; a request that is open stays so. */
void newcomer_free(struct newcomer *n);

struct newcomer_ask {
	const char *dir; /* where it may be known from; or NULL */
	const char *url, *name, *device_name;
	const char *with; /* "device": trusted devices are asked at once */
	bool browser; /* not a computer */
	struct bytes password;
};

/*
 * Prove the password, and open a request for keys drawn here.
 *
 * out     zeros before; newcomer_free also when it fails.
 * answer  what the server says of it: its ways in "methods".
 * errors  wrong-password-or-name, too-many-attempts, cost-lowered,
 *         request-refused, factor-missing.
 */
MUST_CHECK int newcomer_request(const struct newcomer_ask *a,
    struct newcomer *out, json_t **answer, struct err *e);

/*
 * Do the account's devices say that keys alone count? The list of devices that
 * the server shows is not known to be the newest, but what it says is signed.
 */
MUST_CHECK int newcomer_keys_only(
    struct newcomer *n, bool *only, struct err *e);
