/* SPDX-License-Identifier: ISC */
/* once.c: answers that are kept for who asks again. */
#include "server/once.h"

#include "base/now.h"
#include "wire/errjson.h"

#include <sodium.h>
#include <string.h>

#define HEADER "Idempotency-Key"
#define NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG crypto_aead_xchacha20poly1305_ietf_ABYTES

struct once {
	bool keyed; /* else the request is new each time */
	struct id key, scope;
	struct digest name, about;
};

/* ---- which act it is ---- */

static void
under(const struct once *o, const char *label, struct digest *out)
{
	mac_once(bytes_of(o->key.b, ID_BYTES), bytes_str(label), out);
}

/* Of whom there is no session yet, the body says what the request is about. */
static void
choose_scope(const struct call *c, struct once *o)
{
	static const struct {
		const char *pattern, *field;
	} begun[] = { { "/v1/signup/finish", "uid" }, { "/v1/session", "uid" },
		{ "/v1/signin/finish", "login" } };
	struct err ignored;

	o->scope = (struct id){ { 0 } };
	if (c->me != NULL) {
		o->scope = c->me->session   ? c->me->uid
		    : id_zero(&c->me->join) ? c->me->recovering
					    : c->me->join;
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(begun); i++)
		if (strcmp(c->q->pattern, begun[i].pattern) == 0 &&
		    jsonio_id(c->in, begun[i].field, &o->scope, &ignored) < 0)
			o->scope = (struct id){ { 0 } };
}

static void
add_text(struct mac *m, const char *text)
{
	mac_add(m, bytes_of(text, strlen(text) + 1));
}

static void
describe(const struct request *q, struct once *o)
{
	OWN(mac_free) struct mac *m = mac_new(bytes_of(o->key.b, ID_BYTES));

	add_text(m, "about");
	add_text(m, q->method);
	add_text(m, q->pattern);
	for (size_t i = 0; i < q->captures; i++)
		add_text(m, q->capture[i]);
	for (size_t i = 0; i < q->queries; i++) {
		add_text(m, q->query[i].name);
		add_text(m, q->query[i].value);
	}
	mac_add(m, q->body);
	mac_end(m, &o->about);
}

static int
parse(const struct call *c, struct once *o, struct err *e)
{
	const char *key = http_header(c->q, HEADER);

	*o = (struct once){ .keyed = key != NULL };
	if (key == NULL)
		return 0;
	if (id_parse(bytes_str(key), &o->key) < 0)
		return err_set(e, ERR_BAD_REQUEST, HEADER " has 32 hex digits");
	under(o, "name", &o->name);
	choose_scope(c, o);
	describe(c->q, o);
	return 0;
}

bool
once_act(const struct request *q, struct id *out)
{
	struct call c = { .q = q, .me = q->user };
	OWN(buf_free) struct buf m = { 0 };
	struct once o;
	struct digest act;
	struct err ignored;

	if (parse(&c, &o, &ignored) < 0 || !o.keyed)
		return false;
	id_put(&m, &o.scope);
	digest_put(&m, &o.about);
	mac_once(bytes_of(o.key.b, ID_BYTES), buf_bytes(&m), &act);
	memcpy(out->b, act.b, ID_BYTES);
	return true;
}

/* ---- the answer, as it is kept ---- */

/* u8 refused | v16 cookie | v32 body, or the error as it is answered */
static void
put_answer(const struct call *c, struct buf *out)
{
	OWN(buf_free) struct buf why = { 0 };
	OWN(buf_free) struct buf detail = { 0 };
	const char *cookie = "";

	for (size_t i = 0; i < c->r->headers; i++)
		if (strcmp(c->r->header[i].name, "Set-Cookie") == 0)
			cookie = c->r->header[i].value;
	if (c->detail != NULL)
		jsonio_put(&detail, c->detail);
	if (c->refused)
		errjson_make(&c->refusal, buf_bytes(&detail), &why);
	buf_put_u8(out, c->refused);
	buf_put_v16(out, bytes_str(cookie));
	buf_put_v32(out, c->refused ? buf_bytes(&why) : buf_bytes(&c->r->body));
}

static int
take_answer(struct call *c, struct bytes x, struct err *e)
{
	OWN(buf_free) struct buf cookie = { 0 };
	struct scan s = scan_of(x);

	c->refused = scan_u8(&s) != 0;
	buf_put_bytes(&cookie, scan_v16(&s));
	struct bytes body = scan_v32(&s);
	if (!scan_done(&s))
		return err_set(e, ERR_INTERNAL, "a kept answer is damaged");
	if (cookie.n > 0)
		response_header(c->r, "Set-Cookie", "%s", buf_text(&cookie));
	if (!c->refused) {
		buf_put_bytes(&c->r->body, body);
		return 0;
	}
	return errjson_parse(body, &c->refusal, &c->r->detail, e);
}

static void
seal(const struct once *o, struct bytes plain, struct buf *out)
{
	struct digest key;
	uint8_t nonce[NONCE];

	under(o, "seal", &key);
	randombytes_buf(nonce, sizeof nonce);
	buf_put(out, nonce, sizeof nonce);
	(void)crypto_aead_xchacha20poly1305_ietf_encrypt(
	    buf_grow(out, plain.n + TAG), NULL, plain.p, plain.n, o->about.b,
	    DIGEST_BYTES, NULL, nonce, key.b);
	sodium_memzero(key.b, sizeof key.b);
}

static int
unseal(const struct once *o, struct bytes x, struct buf *out, struct err *e)
{
	struct digest key;
	int rc = -1;

	under(o, "seal", &key);
	if (x.n >= NONCE + TAG)
		rc = crypto_aead_xchacha20poly1305_ietf_decrypt(
		    buf_grow(out, x.n - NONCE - TAG), NULL, NULL, x.p + NONCE,
		    x.n - NONCE, o->about.b, DIGEST_BYTES, x.p, key.b);
	sodium_memzero(key.b, sizeof key.b);
	return rc == 0 ? 0
		       : err_set(e, ERR_INTERNAL, "a kept answer is damaged");
}

/* ---- the table ---- */

static int
find(struct tx *tx, struct call *c, const struct once *o, bool *again,
    struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	OWN(buf_free) struct buf plain = { 0 };
	struct digest about;

	*again = false;
	if (!o->keyed)
		return 0;
	if (sql_first(tx, e, &s, again,
		"SELECT about, answer FROM answered WHERE scope = ?"
		" AND name = ? AND time_ms > ?",
		"idn", &o->scope, &o->name, c->now_ms - ONCE_KEPT_MS) < 0)
		return -1;
	if (!*again)
		return 0;
	stmt_got_copy(s, 0, about.b, DIGEST_BYTES);
	if (!digest_equal(&about, &o->about))
		return err_set(e, ERR_BAD_REQUEST,
		    "another request was sent with this " HEADER);
	return unseal(o, stmt_got_bytes(s, 1), &plain, e) < 0
	    ? -1
	    : take_answer(c, buf_bytes(&plain), e);
}

/* Of each account the newest ones: nobody fills the disk with answers. */
static int
trim(struct tx *tx, const struct once *o, struct err *e)
{
	return sql_run(tx, e,
	    "DELETE FROM answered WHERE scope = ? AND n <= (SELECT n FROM"
	    " answered WHERE scope = ? ORDER BY n DESC LIMIT 1 OFFSET ?)",
	    "iiu", &o->scope, &o->scope,
	    (uint64_t)(id_zero(&o->scope) ? ONCE_NOBODY_MAX : ONCE_KEPT_MAX));
}

static int
keep(struct tx *tx, const struct call *c, const struct once *o, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	OWN(buf_free) struct buf sealed = { 0 };

	if (!o->keyed)
		return 0;
	put_answer(c, &plain);
	if (plain.n > ONCE_ANSWER_MAX)
		return 0;
	seal(o, buf_bytes(&plain), &sealed);
	return sql_run(tx, e,
		   "INSERT INTO answered (scope, name, about, answer, time_ms)"
		   " VALUES (?, ?, ?, ?, ?) ON CONFLICT (scope, name) DO UPDATE"
		   " SET about = excluded.about, answer = excluded.answer,"
		   " time_ms = excluded.time_ms",
		   "iddbn", &o->scope, &o->name, &o->about, buf_bytes(&sealed),
		   c->now_ms) < 0
	    ? -1
	    : trim(tx, o, e);
}

/* ---- one transaction ---- */

struct work {
	struct call *c;
	struct once o;
	db_job_fn *job;
	void *arg;
	bool whole, again;
};

static int
run(struct tx *tx, void *arg, struct err *e)
{
	struct work *w = arg;

	if (find(tx, w->c, &w->o, &w->again, e) < 0)
		return -1;
	if (w->again)
		return 0;
	if (w->job(tx, w->arg, e) < 0)
		return -1;
	return w->whole || w->c->refused ? keep(tx, w->c, &w->o, e) : 0;
}

int
once_write(struct call *c, db_job_fn *job, void *arg, bool whole, bool *again,
    struct err *e)
{
	struct work w = { .c = c, .job = job, .arg = arg, .whole = whole };

	if (parse(c, &w.o, e) < 0 || db_write(c->s->db, run, &w, e) < 0)
		return -1;
	*again = w.again;
	return 0;
}

static int
end(struct tx *tx, void *arg, struct err *e)
{
	struct work *w = arg;

	return keep(tx, w->c, &w->o, e);
}

static int
forget(struct tx *tx, void *arg, struct err *e)
{
	struct work *w = arg;

	return sql_run(tx, e,
	    "DELETE FROM answered WHERE scope = ? AND name = ?", "id",
	    &w->o.scope, &w->o.name);
}

/* For a call with a key; what it has said already stays said if this fails. */
static void
after(struct call *c, db_job_fn *job)
{
	struct work w = { .c = c };
	struct err ignored;

	if (parse(c, &w.o, &ignored) == 0 && w.o.keyed)
		(void)!db_write(c->s->db, job, &w, &ignored);
}

/* What was done stays done, also when its answer cannot be kept. */
void
once_end(struct call *c)
{
	after(c, end);
}

void
once_forget(struct call *c)
{
	after(c, forget);
}

int
once_sweep(struct tx *tx, int64_t now_ms, struct err *e)
{
	return sql_run(tx, e, "DELETE FROM answered WHERE time_ms < ?", "n",
	    now_ms - ONCE_KEPT_MS);
}
