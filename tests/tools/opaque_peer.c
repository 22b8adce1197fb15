/* SPDX-License-Identifier: ISC */
/* opaque_peer.c: both halves of our OPAQUE, spoken to line by line. */
/*
 * Reads "VERB WORD…" on standard input, words in hex, and answers each with
 * "ok HEX…" or "err CODE". One account, one exchange of each kind at a time:
 *
 *     server-register CREDENTIAL REQUEST   ok RESPONSE
 *     server-record RECORD                 ok
 *     server-login CREDENTIAL KE1          ok KE2
 *     server-nobody CREDENTIAL KE1         ok KE2, for a name that nobody has
 *     server-finish KE3                    ok SESSION-KEY
 *     client-register PASSWORD             ok REQUEST
 *     client-record RESPONSE               ok RECORD EXPORT-KEY
 *     client-login PASSWORD                ok KE1
 *     client-finish KE2                    ok KE3 SESSION-KEY EXPORT-KEY
 */
#include "base/text.h"
#include "server/opsrv.h"
#include "vault/opaque.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS 2 /* at most, behind the verb */
#define LINE_MAX_BYTES 4096

static const struct opaque_ksf ksf = { OPAQUE_MEMORY_KIB_MIN,
	OPAQUE_PASSES_MIN };

struct peer {
	struct opsrv_keys keys;
	uint8_t record[OPAQUE_RECORD];
	uint8_t state[OPSRV_STATE];
	struct opaque *client;
};

typedef int verb_fn(
    struct peer *p, const struct buf *words, struct buf *out, struct err *e);

static void
put(struct buf *out, const void *p, size_t n)
{
	buf_put_str(out, " ");
	text_hex(out, bytes_of(p, n));
}

static void
put_secret(struct buf *out, const struct secret *s)
{
	put(out, secret_bytes(s).p, secret_bytes(s).n);
}

static int
server_register(
    struct peer *p, const struct buf *words, struct buf *out, struct err *e)
{
	uint8_t response[OPAQUE_RESPONSE];

	if (opsrv_register(
		&p->keys, buf_bytes(&words[0]), words[1].p, response, e) < 0)
		return -1;
	put(out, response, sizeof response);
	return 0;
}

static int
server_record(
    struct peer *p, const struct buf *words, struct buf *out, struct err *e)
{
	(void)out;
	if (opsrv_record_check(words[0].p, e) < 0)
		return -1;
	memcpy(p->record, words[0].p, sizeof p->record);
	return 0;
}

static int
answer(struct peer *p, const struct buf *words, const uint8_t *record,
    struct buf *out, struct err *e)
{
	uint8_t ke2[OPAQUE_KE2];
	struct opsrv_random r;
	const struct opsrv_login in = {
		.credential = buf_bytes(&words[0]),
		.record = record,
		.ke1 = words[1].p,
		.fake_key = bytes_of(p->keys.seed, sizeof p->keys.seed),
	};

	opsrv_draw(&r);
	if (opsrv_answer(&p->keys, &in, &r, ke2, p->state, e) < 0)
		return -1;
	put(out, ke2, sizeof ke2);
	return 0;
}

static int
server_login(
    struct peer *p, const struct buf *words, struct buf *out, struct err *e)
{
	return answer(p, words, p->record, out, e);
}

static int
server_nobody(
    struct peer *p, const struct buf *words, struct buf *out, struct err *e)
{
	return answer(p, words, NULL, out, e);
}

static int
server_finish(
    struct peer *p, const struct buf *words, struct buf *out, struct err *e)
{
	uint8_t session[OPRF_HASH];

	if (opsrv_finish(p->state, words[0].p, session, e) < 0)
		return -1;
	put(out, session, sizeof session);
	return 0;
}

static int
client_register(
    struct peer *p, const struct buf *words, struct buf *out, struct err *e)
{
	uint8_t request[OPAQUE_REQUEST];

	(void)e;
	opaque_free(&p->client);
	p->client = opaque_new(buf_bytes(&words[0]));
	opaque_register(p->client, request);
	put(out, request, sizeof request);
	return 0;
}

static int
client_record(
    struct peer *p, const struct buf *words, struct buf *out, struct err *e)
{
	uint8_t record[OPAQUE_RECORD];
	OWN(secret_free) struct secret *export_key = NULL;

	if (opaque_register_finish(
		p->client, &ksf, words[0].p, record, &export_key, e) < 0)
		return -1;
	put(out, record, sizeof record);
	put_secret(out, export_key);
	return 0;
}

static int
client_login(
    struct peer *p, const struct buf *words, struct buf *out, struct err *e)
{
	uint8_t ke1[OPAQUE_KE1];

	(void)e;
	opaque_free(&p->client);
	p->client = opaque_new(buf_bytes(&words[0]));
	opaque_login(p->client, ke1);
	put(out, ke1, sizeof ke1);
	return 0;
}

static int
client_finish(
    struct peer *p, const struct buf *words, struct buf *out, struct err *e)
{
	uint8_t ke3[OPAQUE_KE3];
	OWN(opaque_keys_free) struct opaque_keys keys = { NULL, NULL };

	if (opaque_login_finish(p->client, &ksf, words[0].p, ke3, &keys, e) < 0)
		return -1;
	put(out, ke3, sizeof ke3);
	put_secret(out, keys.session_key);
	put_secret(out, keys.export_key);
	return 0;
}

#define ANY 0 /* a word of any length */

static const struct verb {
	const char *name;
	size_t words;
	size_t sizes[WORDS]; /* bytes */
	verb_fn *run;
} verbs[] = {
	{ "server-register", 2, { ANY, OPAQUE_REQUEST }, server_register },
	{ "server-record", 1, { OPAQUE_RECORD }, server_record },
	{ "server-login", 2, { ANY, OPAQUE_KE1 }, server_login },
	{ "server-nobody", 2, { ANY, OPAQUE_KE1 }, server_nobody },
	{ "server-finish", 1, { OPAQUE_KE3 }, server_finish },
	{ "client-register", 1, { ANY }, client_register },
	{ "client-record", 1, { OPAQUE_RESPONSE }, client_record },
	{ "client-login", 1, { ANY }, client_login },
	{ "client-finish", 1, { OPAQUE_KE2 }, client_finish },
};

struct words {
	struct buf at[WORDS];
};

static void
words_free(struct words *w)
{
	for (size_t i = 0; i < WORDS; i++)
		buf_free(&w->at[i]);
}

/* Words of one line into bytes; -1 when they are not what the verb wants. */
static int
read_words(const struct verb *verb, char *rest, struct buf *words)
{
	for (size_t i = 0; i < verb->words; i++) {
		const char *word = strsep(&rest, " ");
		if (word == NULL || text_unhex(&words[i], bytes_str(word)) < 0)
			return -1;
		if (verb->sizes[i] != ANY && words[i].n != verb->sizes[i])
			return -1;
	}
	return rest == NULL ? 0 : -1;
}

static int
obey(struct peer *p, char *line, struct buf *out, struct err *e)
{
	const char *name = strsep(&line, " ");
	OWN(words_free) struct words words = { .at = { { 0 } } };
	int rc = err_set(e, ERR_USAGE, "no such verb, or wrong words");

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0 &&
		    read_words(&verbs[i], line, words.at) == 0)
			rc = verbs[i].run(p, words.at, out, e);
	return rc;
}

int
main(void)
{
	struct peer p = { .client = NULL };
	uint8_t raw[OPSRV_KEYS];
	char line[LINE_MAX_BYTES];

	if (sodium_init() < 0)
		return EXIT_FAILURE;
	opsrv_keys_make(raw);
	opsrv_keys_load(raw, &p.keys);
	while (fgets(line, sizeof line, stdin) != NULL) {
		OWN(buf_free) struct buf out = { 0 };
		struct err e = { 0 };
		line[strcspn(line, "\n")] = '\0';
		if (obey(&p, line, &out, &e) < 0)
			printf("err %s\n", err_name(e.code));
		else
			printf("ok%s\n", buf_text(&out));
		(void)fflush(stdout);
	}
	opaque_free(&p.client);
	return EXIT_SUCCESS;
}
