/* SPDX-License-Identifier: ISC */
/* prove.c: choosing a way, and sending what proves it. */
#include "client/prove.h"

#include "client/seckey.h"

#include <string.h>

static bool
offers(const json_t *methods, const char *way)
{
	for (size_t i = 0; i < json_array_size(methods); i++) {
		const char *s = json_string_value(json_array_get(methods, i));
		if (s != NULL && strcmp(s, way) == 0)
			return true;
	}
	return false;
}

int
prove_stripped(const json_t *offered, const struct prove *p, struct err *e)
{
	const json_t *methods = json_object_get(offered, "methods");

	if (!p->keys_only ||
	    (json_array_size(methods) == 1 && offers(methods, "key")))
		return 0;
	return err_set(e, ERR_FACTOR_STRIPPED,
	    "the account's devices have agreed that only a security key "
	    "counts, and the server %s",
	    json_array_size(methods) == 0 ? "asks for nothing"
					  : "takes something else");
}

static int
choose(const json_t *offered, const struct prove *p, const char **way,
    struct err *e)
{
	const json_t *methods = json_object_get(offered, "methods");
	const char *with = p->with;

	if (prove_stripped(offered, p, e) < 0)
		return -1;
	for (size_t i = 0; with == NULL && i < json_array_size(methods); i++) {
		const char *s = json_string_value(json_array_get(methods, i));
		if (s != NULL && strcmp(s, "device") != 0)
			with = s;
	}
	/* A code where a key is wanted does not even leave this machine. */
	if (offers(methods, "key") && with != NULL &&
	    (strcmp(with, "key") != 0 || p->code != NULL))
		return err_set(e, ERR_KEY_REQUIRED,
		    "this account is opened by a security key, and by no "
		    "code");
	if (with != NULL && offers(methods, with)) {
		*way = with;
		return 0;
	}
	return err_set(e, ERR_FACTOR_MISSING, "the account has no %s",
	    with == NULL		   ? "second factor"
		: strcmp(with, "key") == 0 ? "pair of security keys"
					   : with);
}

static int
send_code(struct remote *r, const char *way, const struct prove *p,
    const struct err *why, json_t **answer, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(buf_free) struct buf code = { 0 };

	if (p->code != NULL)
		buf_put_str(&code, p->code);
	else if (p->ask(p->ctx, way, why, &code, e) < 0)
		return -1;
	jsonio_put_text(ask, "method", way);
	jsonio_put_text(ask, "code", buf_text(&code));
	return api_call(r, "POST", "/v1/factors/prove", ask, false, answer, e);
}

int
prove_factor(struct remote *r, const json_t *offered, const struct prove *p,
    json_t **answer, struct err *e)
{
	const char *way = "";
	struct err why;

	if (choose(offered, p, &way, e) < 0)
		return -1;
	if (strcmp(way, "key") == 0)
		return seckey_prove(r, &p->key, NULL, NULL, answer, e);
	for (unsigned i = 1;; i++) {
		if (send_code(r, way, p, i > 1 ? &why : NULL, answer, e) == 0)
			return 0;
		why = *e;
		bool wrong =
		    e->code == ERR_WRONG_CODE || e->code == ERR_WRONG_CODE_KIND;
		if (!wrong || !p->again || i == PROVE_TRIES)
			return -1;
	}
}
