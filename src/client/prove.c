/* SPDX-License-Identifier: ISC */
/* prove.c: choosing a way, having a code sent, and sending what proves it. */
#include "client/prove.h"

#include "client/seckey.h"

#include <string.h>

/* One proof going on. */
struct proving {
	struct remote *r;
	const json_t *offered;
	const struct prove *p;
	const char *way;
	size_t number; /* in offered's numbers: where the code goes */
};

static bool
offers(const json_t *offered, const char *way)
{
	const json_t *methods = json_object_get(offered, "methods");

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
	size_t n = json_array_size(json_object_get(offered, "methods"));

	if (!p->keys_only || (n == 1 && offers(offered, "key")))
		return 0;
	return err_set(e, ERR_FACTOR_STRIPPED,
	    "the account's devices have agreed that only a security key "
	    "counts, and the server %s",
	    n == 0 ? "asks for nothing" : "takes something else");
}

static int
choose(struct proving *x, struct err *e)
{
	const json_t *methods = json_object_get(x->offered, "methods");
	const char *with = x->p->with;

	if (prove_stripped(x->offered, x->p, e) < 0)
		return -1;
	for (size_t i = 0; with == NULL && i < json_array_size(methods); i++) {
		const char *s = json_string_value(json_array_get(methods, i));
		if (s != NULL && strcmp(s, "device") != 0)
			with = s;
	}
	/* A code where a key is wanted does not even leave this machine. */
	if (offers(x->offered, "key") && with != NULL &&
	    (strcmp(with, "key") != 0 || x->p->code != NULL))
		return err_set(e, ERR_KEY_REQUIRED,
		    "this account is opened by a security key, and by no "
		    "code");
	if (with != NULL && offers(x->offered, with)) {
		x->way = with;
		return 0;
	}
	return err_set(e, ERR_FACTOR_MISSING, "the account has no %s",
	    with == NULL		   ? "second factor"
		: strcmp(with, "key") == 0 ? "pair of security keys"
					   : with);
}

/* ---- codes that are sent ---- */

static bool
by_phone(const char *way)
{
	return strcmp(way, "text") == 0 || strcmp(way, "call") == 0;
}

static bool
takes(const struct proving *x, size_t number)
{
	const json_t *n =
	    json_array_get(json_object_get(x->offered, "numbers"), number);

	return strcmp(x->way, "call") == 0 ||
	    !json_is_true(json_object_get(n, "call"));
}

/* The next number, going round, that takes this way. */
static void
next_number(struct proving *x, size_t from)
{
	size_t n = json_array_size(json_object_get(x->offered, "numbers"));

	for (size_t i = 0; i < n; i++)
		if (takes(x, (from + i) % n)) {
			x->number = (from + i) % n;
			return;
		}
}

static int
have_sent(struct proving *x, struct err *e)
{
	const json_t *number =
	    json_array_get(json_object_get(x->offered, "numbers"), x->number);
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *sent = NULL;
	struct id id;

	jsonio_put_text(ask, "method", x->way);
	if (number != NULL) {
		if (jsonio_id(number, "id", &id, e) < 0)
			return -1;
		jsonio_put_id(ask, "number", &id);
	}
	if (control_call(x->r, "POST", "/v1/factors/send", ask, &sent, e) < 0)
		return -1;
	if (x->p->sent != NULL)
		x->p->sent(x->p->ctx, x->way, x->offered, sent);
	return 0;
}

/* Words instead of a code. *word false: it is none. */
static int
take_word(struct proving *x, const char *text, bool *word, struct err *e)
{
	bool other = strcmp(text, "other") == 0;
	const char *way = x->way;

	*word = other || strcmp(text, "again") == 0 ||
	    (by_phone(text) && offers(x->offered, text));
	if (!*word)
		return 0;
	if (by_phone(text))
		x->way = strcmp(text, "call") == 0 ? "call" : "text";
	next_number(x, other ? x->number + 1 : x->number);
	if (have_sent(x, e) == 0)
		return 0;
	/* After a refusal the code before still counts, as what it was. What a
	 * gateway failed at may arrive after all, and took its place. */
	if (e->code != ERR_GATEWAY_FAILED)
		x->way = way;
	return -1;
}

/* Ask until it is no word. `why`: what was wrong with the code before. */
static int
ask_code(
    struct proving *x, const struct err *why, struct buf *code, struct err *e)
{
	const struct prove *p = x->p;
	struct err failed;
	bool word;

	for (;;) {
		buf_clear(code);
		if (p->ask(p->ctx, x->way, why, code, e) < 0)
			return -1;
		if (!by_phone(x->way))
			return 0;
		int rc = take_word(x, buf_text(code), &word, &failed);
		if (!word)
			return 0;
		why = rc < 0 ? &failed : NULL;
	}
}

/* ---- proving ---- */

static int
prove_once(
    struct proving *x, const struct err *why, json_t **answer, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(buf_free) struct buf code = { 0 };

	if (x->p->code != NULL)
		buf_put_str(&code, x->p->code);
	else if (ask_code(x, why, &code, e) < 0)
		return -1;
	jsonio_put_text(ask, "method", x->way);
	jsonio_put_text(ask, "code", buf_text(&code));
	return control_call(x->r, "POST", "/v1/factors/prove", ask, answer, e);
}

int
prove_factor(struct remote *r, const json_t *offered, const struct prove *p,
    json_t **answer, struct err *e)
{
	struct proving x = { .r = r, .offered = offered, .p = p };
	struct err why;

	if (choose(&x, e) < 0)
		return -1;
	if (strcmp(x.way, "key") == 0)
		return seckey_prove(r, &p->key, NULL, NULL, answer, e);
	next_number(&x, 0);
	if (by_phone(x.way) && p->code == NULL && have_sent(&x, e) < 0)
		return -1;
	for (unsigned i = 1;; i++) {
		if (prove_once(&x, i > 1 ? &why : NULL, answer, e) == 0)
			return 0;
		why = *e;
		bool wrong =
		    e->code == ERR_WRONG_CODE || e->code == ERR_WRONG_CODE_KIND;
		if (!wrong || !p->again || i == PROVE_TRIES)
			return -1;
	}
}
