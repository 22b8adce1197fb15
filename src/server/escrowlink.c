/* SPDX-License-Identifier: ISC */
/* escrowlink.c: asking the escrow, one call at a time; the rows that wait. */
#include "server/escrowlink.h"

#include "base/file.h"
#include "base/log.h"
#include "base/now.h"
#include "server/escrowpeer.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PIN_FILE "escrow.pub"
#define IDLE_MS (60 * 1000)

struct escrowlink {
	struct server *server;
	char *pin_path;
	struct escrowpeer_way *way;
	pthread_mutex_t turn; /* one call at a time */
	pthread_mutex_t lock; /* the rest */
	pthread_cond_t told;
	pthread_t thread;
	bool woken, stop, pinned, tells, away;
	/* Of the steady clock: nobody waits for it until then. */
	int64_t pause_ms, paused_until_ms;
	struct err why; /* of the last call that failed */
	uint8_t key[SIG_PK_BYTES];
};

/* ---- meeting it ---- */

static void
own_key(const struct server *s, uint8_t pk[static SIG_PK_BYTES],
    uint8_t sk[static crypto_sign_SECRETKEYBYTES])
{
	uint8_t seed[crypto_sign_SEEDBYTES];
	static const char label[] = "aumbry statement key";

	hkdf(keys_token(s->keys), bytes_str(""), bytes_of(label, sizeof label),
	    seed, sizeof seed);
	(void)crypto_sign_seed_keypair(pk, sk, seed);
	sodium_memzero(seed, sizeof seed);
}

void
escrowlink_sign(
    const struct server *s, struct bytes message, uint8_t sig[static SIG_BYTES])
{
	uint8_t pk[SIG_PK_BYTES], sk[crypto_sign_SECRETKEYBYTES];
	OWN(buf_free) struct buf m = { 0 };

	own_key(s, pk, sk);
	buf_put_bytes(&m, sig_label(SIG_FACTOR));
	buf_put_bytes(&m, message);
	(void)crypto_sign_detached(sig, NULL, m.p, m.n, sk);
	sodium_memzero(sk, sizeof sk);
}

/* The first key that answers is the one from then on. */
static int
pin(struct escrowlink *l, const uint8_t *key, struct err *e)
{
	int rc = 0;

	(void)pthread_mutex_lock(&l->lock);
	if (!l->pinned) {
		rc = file_write(
		    l->pin_path, bytes_of(key, SIG_PK_BYTES), 0600, e);
		if (rc == 0) {
			memcpy(l->key, key, SIG_PK_BYTES);
			l->pinned = true;
		}
	} else if (!bytes_equal(bytes_of(l->key, SIG_PK_BYTES),
		       bytes_of(key, SIG_PK_BYTES))) {
		rc = err_set(e, ERR_ESCROW_CHANGED,
		    "another escrow answers than the one that this server was "
		    "set up with");
	}
	(void)pthread_mutex_unlock(&l->lock);
	return rc;
}

static int
greet(struct escrowlink *l, struct escrowpeer *p, struct err *e)
{
	OWN(buf_free) struct buf answer = { 0 };
	uint8_t pk[SIG_PK_BYTES], sk[crypto_sign_SECRETKEYBYTES];

	own_key(l->server, pk, sk);
	sodium_memzero(sk, sizeof sk);
	if (escrowpeer_ask(
		p, ESCROW_HELLO, bytes_of(pk, sizeof pk), &answer, e) < 0)
		return -1;
	struct scan s = scan_of(buf_bytes(&answer));
	struct bytes key = scan_take(&s, SIG_PK_BYTES);
	return scan_ok(&s)
	    ? pin(l, key.p, e)
	    : escrowpeer_unreachable(e, "its answer is not well-formed");
}

static int
ask_in_turn(struct escrowlink *l, enum escrow_verb verb, struct bytes body,
    int64_t until_ms, struct buf *out, struct err *e)
{
	OWN(escrowpeer_free) struct escrowpeer *p = NULL;

	/* HELLO is what each connection begins with. */
	if (escrowpeer_open(l->way, until_ms, &p, e) < 0 || greet(l, p, e) < 0)
		return -1;
	return verb == ESCROW_HELLO ? 0 : escrowpeer_ask(p, verb, body, out, e);
}

static int64_t
steady_ms(void)
{
	return now_mono_ns() / 1000000;
}

/*
 * One that let its caller wait and did not answer is left alone for a while:
 * its callers are threads that serve everybody else.
 */
static void
note(struct escrowlink *l, int64_t began_ms, int rc, const struct err *e)
{
	int64_t now = steady_ms();

	(void)pthread_mutex_lock(&l->lock);
	bool away = rc < 0 &&
	    (e->code == ERR_ESCROW_UNREACHABLE ||
		e->code == ERR_ESCROW_CHANGED);
	if (!away)
		l->pause_ms = 0;
	else if (now - began_ms >= ESCROWLINK_SLOW_MS)
		l->pause_ms = l->pause_ms == 0 ? ESCROWLINK_SLOW_MS
		    : 2 * l->pause_ms < ESCROWLINK_PAUSE_MAX_MS
		    ? 2 * l->pause_ms
		    : ESCROWLINK_PAUSE_MAX_MS;
	l->paused_until_ms = now + l->pause_ms;
	if (away && !l->away)
		log_warn("escrow_away", "code=%s why=\"%s\"", err_name(e->code),
		    e->msg);
	else if (!away && l->away)
		log_info("escrow_back", "code=ok");
	l->away = away;
	l->why = rc < 0 ? *e : (struct err){ 0 };
	(void)pthread_mutex_unlock(&l->lock);
}

/* Our turn to ask, unless there is nobody to ask. */
static int
take_turn(struct escrowlink *l, struct err *e)
{
	struct timespec until;

	(void)pthread_mutex_lock(&l->lock);
	bool slow = l->pause_ms > 0;
	bool paused = slow && steady_ms() < l->paused_until_ms;
	(void)pthread_mutex_unlock(&l->lock);
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ESCROWLINK_WAIT_MS / 1000;
	if (paused || (slow && pthread_mutex_trylock(&l->turn) != 0))
		return escrowpeer_unreachable(
		    e, "it did not answer a moment ago");
	return slow || pthread_mutex_timedlock(&l->turn, &until) == 0
	    ? 0
	    : escrowpeer_unreachable(e, "it has too much to do");
}

int
escrowlink_ask(struct escrowlink *l, enum escrow_verb verb, struct bytes body,
    struct buf *out, struct err *e)
{
	if (l == NULL)
		return escrowpeer_unreachable(e, "it has none");
	int64_t began_ms = steady_ms();
	if (take_turn(l, e) < 0)
		return -1;
	int rc =
	    ask_in_turn(l, verb, body, began_ms + ESCROWLINK_WAIT_MS, out, e);
	note(l, began_ms, rc, e);
	(void)pthread_mutex_unlock(&l->turn);
	return rc;
}

int
escrowlink_state(struct escrowlink *l, struct err *e)
{
	(void)pthread_mutex_lock(&l->lock);
	bool away = l->away;
	if (away)
		*e = l->why;
	(void)pthread_mutex_unlock(&l->lock);
	return away ? -1 : 0;
}

bool
escrowlink_key(struct escrowlink *l, uint8_t sign_pk[static SIG_PK_BYTES])
{
	if (l == NULL)
		return false;
	(void)pthread_mutex_lock(&l->lock);
	bool pinned = l->pinned;
	memcpy(sign_pk, l->key, SIG_PK_BYTES);
	(void)pthread_mutex_unlock(&l->lock);
	return pinned;
}

/* ---- what it must be shown ---- */

struct entries_job {
	const struct id *uid;
	uint32_t since;
	struct buf *out;
};

static int
entries_job(struct tx *tx, void *arg, struct err *e)
{
	const struct entries_job *j = arg;

	return account_entries(tx, j->uid, j->since, j->out, e);
}

int
escrowlink_put_circle(struct escrowlink *l, struct db *db, const struct id *uid,
    struct buf *out, struct err *e)
{
	OWN(buf_free) struct buf answer = { 0 };
	OWN(buf_free) struct buf entries = { 0 };
	struct escrow_state state;
	struct entries_job j = { .uid = uid, .out = &entries };

	if (escrowlink_ask(
		l, ESCROW_STATE, bytes_of(uid->b, ID_BYTES), &answer, e) < 0 ||
	    escrow_state_parse(buf_bytes(&answer), &state, e) < 0)
		return -1;
	j.since = state.circle_seq;
	if (db_read(db, entries_job, &j, e) < 0)
		return -1;
	buf_put_v32(out, buf_bytes(&entries));
	return 0;
}

/* ---- rows that wait ---- */

struct row {
	int64_t n;
	struct id uid;
	enum escrow_verb verb;
	struct buf body;
	uint64_t tries;
	int64_t next_ms;
	bool found;
};

static void
row_free(struct row *r)
{
	buf_free(&r->body);
}

static int
next_job(struct tx *tx, void *arg, struct err *e)
{
	struct row *r = arg;
	OWN(stmt_done) struct stmt *s = NULL;

	if (sql_first(tx, e, &s, &r->found,
		"SELECT n, uid, verb, body, tries, next_ms FROM escrow_job"
		" ORDER BY next_ms, n LIMIT 1",
		"") < 0 ||
	    !r->found)
		return r->found ? -1 : 0;
	r->n = stmt_got_i64(s, 0);
	stmt_got_copy(s, 1, r->uid.b, ID_BYTES);
	r->verb = (enum escrow_verb)stmt_got_u64(s, 2);
	buf_put_bytes(&r->body, stmt_got_bytes(s, 3));
	r->tries = stmt_got_u64(s, 4);
	r->next_ms = stmt_got_i64(s, 5);
	return 0;
}

static int
done_job(struct tx *tx, void *arg, struct err *e)
{
	const struct row *r = arg;

	return sql_run(tx, e, "DELETE FROM escrow_job WHERE n = ?", "n", r->n);
}

static int
later_job(struct tx *tx, void *arg, struct err *e)
{
	const struct row *r = arg;

	return sql_run(tx, e,
	    "UPDATE escrow_job SET tries = tries + 1, next_ms = ? WHERE n = ?",
	    "nn", r->next_ms, r->n);
}

int
escrowlink_later(struct tx *tx, struct call *c, const struct id *uid,
    enum escrow_verb verb, struct bytes body, struct err *e)
{
	c->escrow_job = true;
	return sql_run(tx, e,
		   "DELETE FROM escrow_job WHERE uid = ? AND verb = ?", "iu",
		   uid, (uint64_t)verb) < 0 ||
		sql_run(tx, e,
		    "INSERT INTO escrow_job (uid, verb, body, tries, next_ms)"
		    " VALUES (?, ?, ?, 0, 0)",
		    "iub", uid, (uint64_t)verb, body) < 0
	    ? -1
	    : 0;
}

int
escrowlink_waits(
    struct tx *tx, const struct id *uid, uint64_t *n, struct err *e)
{
	return sql_count(tx, e, n,
	    "SELECT COUNT(*) FROM escrow_job WHERE uid = ?", "i", uid);
}

static int
tell(struct escrowlink *l, const struct row *r, struct err *e)
{
	OWN(buf_free) struct buf ask = { 0 };
	OWN(buf_free) struct buf answer = { 0 };

	id_put(&ask, &r->uid);
	if ((r->verb == ESCROW_REGISTER || r->verb == ESCROW_DESTROY) &&
	    escrowlink_put_circle(l, l->server->db, &r->uid, &ask, e) < 0)
		return -1;
	buf_put_bytes(&ask, buf_bytes(&r->body));
	return escrowlink_ask(l, r->verb, buf_bytes(&ask), &answer, e);
}

/* What is refused for good is not asked for ever. */
static bool
hopeless(const struct err *e)
{
	return e->code != ERR_ESCROW_UNREACHABLE &&
	    e->code != ERR_ESCROW_CHANGED && e->code != ERR_TOO_MANY_ATTEMPTS &&
	    e->code != ERR_CLOCK_WRONG && e->code != ERR_IO &&
	    e->code != ERR_SERVER_FULL && e->code != ERR_INTERNAL;
}

static void
settle(struct escrowlink *l, struct row *r)
{
	struct err e = { 0 }, why;

	bool over = tell(l, r, &e) == 0;
	if (!over) {
		log_warn("escrow_failed", "verb=%s tries=%llu code=%s",
		    escrow_verb_name((uint8_t)r->verb),
		    (unsigned long long)r->tries + 1, err_name(e.code));
		/* The end of a key is told until it is heard. */
		over = hopeless(&e) && r->verb != ESCROW_DESTROY;
	}
	int64_t wait = (int64_t)ESCROWLINK_RETRY_MS
	    << (r->tries < 12 ? r->tries : 12);
	r->next_ms = now_ms() +
	    (wait < ESCROWLINK_RETRY_MAX_MS ? wait : ESCROWLINK_RETRY_MAX_MS);
	if (db_write(l->server->db, over ? done_job : later_job, r, &why) < 0)
		log_error("escrow_job_failed", "code=%s", err_name(why.code));
}

/* Wait for wait_ms, or to be woken; false when told to stop. */
static bool
rest(struct escrowlink *l, int64_t wait_ms)
{
	struct timespec until = now_mono_after(wait_ms);

	(void)pthread_mutex_lock(&l->lock);
	while (!l->woken && !l->stop &&
	    pthread_cond_timedwait(&l->told, &l->lock, &until) == 0)
		;
	l->woken = false;
	bool go_on = !l->stop;
	(void)pthread_mutex_unlock(&l->lock);
	return go_on;
}

static void *
loop(void *arg)
{
	struct escrowlink *l = arg;

	for (;;) {
		OWN(row_free) struct row r = { .found = false };
		struct err e;
		int64_t wait = IDLE_MS, now = now_ms();
		if (db_read(l->server->db, next_job, &r, &e) < 0)
			log_error(
			    "escrow_job_failed", "code=%s", err_name(e.code));
		if (r.found && r.next_ms > now && r.next_ms - now < wait)
			wait = r.next_ms - now;
		if (r.found && r.next_ms <= now) {
			settle(l, &r);
			wait = 0;
		}
		if (!rest(l, wait))
			return NULL;
	}
}

void
escrowlink_wake(struct escrowlink *l)
{
	if (l == NULL)
		return;
	(void)pthread_mutex_lock(&l->lock);
	l->woken = true;
	(void)pthread_cond_signal(&l->told);
	(void)pthread_mutex_unlock(&l->lock);
}

/* ---- start, stop ---- */

static void
escrowlink_free(struct escrowlink **lp)
{
	struct escrowlink *l = *lp;

	if (l == NULL)
		return;
	(void)pthread_mutex_destroy(&l->lock);
	(void)pthread_mutex_destroy(&l->turn);
	(void)pthread_cond_destroy(&l->told);
	escrowpeer_way_free(&l->way);
	free(l->pin_path);
	free(l);
	*lp = NULL;
}

static int
load_pin(struct escrowlink *l, struct err *e)
{
	OWN(buf_free) struct buf kept = { 0 };

	if (!file_exists(l->pin_path))
		return 0;
	if (file_read(l->pin_path, SIG_PK_BYTES + 1, &kept, e) < 0)
		return -1;
	if (kept.n != SIG_PK_BYTES)
		return err_set(e, ERR_STATE_DAMAGED,
		    "%s is not the key of an escrow", l->pin_path);
	memcpy(l->key, kept.p, SIG_PK_BYTES);
	l->pinned = true;
	return 0;
}

int
escrowlink_start(struct server *s, const char *keys, bool tells,
    struct escrowlink **out, struct err *e)
{
	OWN(escrowlink_free) struct escrowlink *l = mem_new(sizeof *l);
	OWN(buf_free) struct buf greeting = { 0 };
	pthread_condattr_t monotonic;
	struct err why;

	l->server = s;
	l->pin_path = file_join(keys, PIN_FILE);
	(void)pthread_mutex_init(&l->lock, NULL);
	(void)pthread_mutex_init(&l->turn, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&l->told, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	if (escrowpeer_way_new(&s->config, keys, &l->way, e) < 0 ||
	    load_pin(l, e) < 0)
		return -1;
	/* Met now, if it is there; else at the first call. */
	int met =
	    escrowlink_ask(l, ESCROW_HELLO, bytes_str(""), &greeting, &why);
	(void)met; /* said in the log */
	l->tells = tells;
	if (tells && pthread_create(&l->thread, NULL, loop, l) != 0)
		return err_set(e, ERR_IO, "no thread for the escrow");
	*out = TAKE(l);
	return 0;
}

void
escrowlink_stop(struct escrowlink **l)
{
	if (*l == NULL)
		return;
	(void)pthread_mutex_lock(&(*l)->lock);
	(*l)->stop = true;
	(void)pthread_cond_signal(&(*l)->told);
	(void)pthread_mutex_unlock(&(*l)->lock);
	if ((*l)->tells)
		(void)pthread_join((*l)->thread, NULL);
	escrowlink_free(l);
}
