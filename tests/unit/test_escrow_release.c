/* SPDX-License-Identifier: ISC */
/* test_escrow_release.c: who is handed keys, who is not, and what is written of
 * it. */
#include "escrow_world.h"
#include "scratch_dir.h"

#include "base/file.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

struct bench {
	struct scratch dir;
	struct keeper *k;
	struct world w;
	bool greeted;
	uint64_t now_ms;
	struct buf request, answer;
	struct bytes body; /* of the last answer */
};

static void
bench_free(struct bench *b)
{
	keeper_free(&b->k);
	world_free(&b->w);
	buf_free(&b->request);
	buf_free(&b->answer);
	scratch_free(&b->dir);
}

static void
keeper_start(struct bench *b)
{
	struct err e = { 0 };

	keeper_free(&b->k);
	if (keeper_open(b->dir.path, KEEPER_SERVE, &b->k, &e) < 0)
		fail_msg("%s", e.msg);
	b->greeted = false;
}

/* Send b->request. */
static enum err_code
ask(struct bench *b)
{
	struct id uid;

	buf_clear(&b->answer);
	enum err_code said = release_answer(b->k, buf_bytes(&b->request),
	    &b->greeted, b->now_ms, &b->answer, &uid);
	assert_int_equal(world_answer(buf_bytes(&b->answer), &b->body), said);
	return said;
}

#define must(b) assert_int_equal(ask(b), ERR_NONE)

/* Refused with that code, and one line of the journal says so. */
static void
refused(struct bench *b, enum err_code code)
{
	struct journal_head before = journal_account(b->k->journal, &b->w.uid);
	OWN(buf_free) struct buf lines = { 0 };
	struct escrow_line l;
	struct err e = { 0 };

	enum err_code said = ask(b);
	if (said != code)
		fail_msg("%s instead of %s: %.*s", err_name(said),
		    err_name(code), said != ERR_NONE ? (int)b->body.n : 0,
		    (const char *)b->body.p);
	assert_int_equal(journal_lines(b->k->journal, &b->w.uid, before.n,
			     1u << 20, &lines, &e),
	    0);
	struct scan s = scan_of(buf_bytes(&lines));
	assert_int_equal(escrow_line_parse(scan_v16(&s), &l, &e), 0);
	assert_true(scan_done(&s));
	assert_int_equal(l.outcome, ESCROW_REFUSED);
	assert_int_equal(l.verb, b->request.p[1]);
	assert_true(bytes_equal(
	    journal_word(l.detail, "code"), bytes_str(err_name(code))));
}

static void
hello(struct bench *b)
{
	world_hello(&b->w, &b->request);
	must(b);
}

static void
create(struct bench *b)
{
	world_plain(&b->w, ESCROW_CREATE, &b->request);
	must(b);
	world_meet_escrow(&b->w, b->k->sign_pk, b->body);
}

static void
draw(struct bench *b, uint8_t nonce[static ESCROW_NONCE])
{
	world_plain(&b->w, ESCROW_NONCE_ASK, &b->request);
	must(b);
	assert_int_equal(b->body.n, ESCROW_NONCE);
	memcpy(nonce, b->body.p, ESCROW_NONCE);
}

static struct world_asking
asking(struct bench *b)
{
	uint8_t nonce[ESCROW_NONCE];

	draw(b, nonce);
	return world_ask(&b->w, nonce, 1, b->now_ms);
}

static enum err_code
release_once(struct bench *b)
{
	OWN(world_asking_free) struct world_asking x = asking(b);

	world_release(&x, &b->request);
	return ask(b);
}

static struct escrow_state
state_of(struct bench *b)
{
	struct escrow_state x;
	struct err e = { 0 };

	world_plain(&b->w, ESCROW_STATE, &b->request);
	must(b);
	assert_int_equal(escrow_state_parse(b->body, &x, &e), 0);
	return x;
}

static void
register_at(struct bench *b, uint32_t since, int who)
{
	world_register(&b->w, since, who, b->now_ms, &b->request);
}

/* An escrow, and what its settings say. */
static struct bench
bench_plain(void)
{
	struct bench b = { .now_ms = WORLD_MS + WORLD_HOUR };
	OWN(settings_free) struct settings s = { 0 };
	struct err e = { 0 };

	settings_defaults(&s);
	b.dir = scratch_new();
	b.w = world_new();
	assert_int_equal(keeper_make(b.dir.path, &s, &e), 0);
	keeper_start(&b);
	return b;
}

/* And an account under standard protection, its release key registered. */
static struct bench
bench_new(void)
{
	struct bench b = bench_plain();

	hello(&b);
	create(&b);
	world_genesis(&b.w, PROTECTION_STANDARD);
	register_at(&b, 0, 0);
	must(&b);
	return b;
}

/* ---- what is right ---- */

static void
check_key(const struct bench *b, const struct escrow_key *key)
{
	OWN(secret_free) struct secret *got = NULL;
	struct err e = { 0 };
	const struct secret *is = key->kind == ESCROW_KIND_NAMES
	    ? keyring_names(b->w.ring, key->category)
	    : keyring_category(b->w.ring, key->category, key->epoch);

	assert_int_equal(devkey_open(b->w.key[1], key->sealed, &got, &e), 0);
	assert_non_null(is);
	assert_true(secret_equal(got, is));
}

static void
keys_reach_the_recipient(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	OWN(world_asking_free) struct world_asking x = asking(&b);
	struct escrow_released r;
	struct escrow_key key;
	struct err e = { 0 };

	(void)state;
	world_release(&x, &b.request);
	must(&b);
	assert_int_equal(escrow_released_parse(b.body, &r, &e), 0);
	assert_true(
	    sig_valid(SIG_ESCROW_RELEASED, b.k->sign_pk, r.signed_part, r.sig));
	assert_true(id_equal(&r.uid, &b.w.uid));
	assert_true(id_equal(&r.request, &x.ask.request));
	assert_memory_equal(r.recipient, x.ask.recipient, KEM_PK_BYTES);
	/* K of one epoch and N, of the two categories that were asked for. */
	assert_int_equal(r.n, 4);
	struct scan s = scan_of(r.keys);
	for (int i = 0; i < r.n; i++) {
		assert_int_equal(escrow_key_take(&s, &key, &e), 0);
		assert_true(key.category == CATEGORY_BACKUP ||
		    key.category == CATEGORY_PHOTOS);
		check_key(&b, &key);
	}
	struct journal_head head = journal_account(b.k->journal, &b.w.uid);
	assert_int_equal(r.journal_n, head.n);
	assert_true(digest_equal(&r.journal_head, &head.hash));
}

static void
devices_can_check_the_journal(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	struct digest head = { { 0 } };
	struct err e = { 0 };
	uint64_t n = 0;

	(void)state;
	assert_int_equal(release_once(&b), ERR_NONE);
	struct escrow_state is = state_of(&b);
	world_journal(&b.w, 0, &b.request);
	must(&b);
	assert_int_equal(
	    escrow_lines_check(b.body, &b.w.uid, b.k->sign_pk, &n, &head, &e),
	    0);
	assert_int_equal(n, 3); /* create, register, release */
	assert_int_equal(is.journal_n, 3);
	assert_true(digest_equal(&is.journal_head, &head));
	world_journal(&b.w, n, &b.request);
	must(&b);
	assert_int_equal(b.body.n, 0);
	assert_int_equal(release_once(&b), ERR_NONE);
	world_journal(&b.w, n, &b.request);
	must(&b);
	assert_int_equal(
	    escrow_lines_check(b.body, &b.w.uid, b.k->sign_pk, &n, &head, &e),
	    0);
	assert_int_equal(n, 4);
}

static void
says_what_it_knows(void **state)
{
	OWN(bench_free) struct bench b = bench_plain();

	(void)state;
	hello(&b);
	struct escrow_state x = state_of(&b);
	assert_false(x.there);
	assert_int_equal(x.journal_n, 0);
	create(&b);
	x = state_of(&b);
	assert_true(x.there);
	assert_false(x.registered);
	assert_memory_equal(x.kem_pk, b.w.escrow.kem_pk, KEM_PK_BYTES);
	assert_int_equal(x.circle_seq, 0);
	assert_int_equal(x.journal_n, 1);
	world_genesis(&b.w, PROTECTION_STANDARD);
	register_at(&b, 0, 0);
	must(&b);
	x = state_of(&b);
	assert_true(x.registered);
	assert_int_equal(x.circle_seq, 1);
	assert_true(digest_equal(&x.circle_head, &b.w.circle.head));
	assert_true(id_zero(&x.order));
}

static void
creating_again_gives_the_same_key(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	struct circle_escrow first = b.w.escrow;

	(void)state;
	create(&b);
	assert_memory_equal(&first, &b.w.escrow, sizeof first);
	assert_int_equal(journal_head(b.k->journal).n, 2);
	keeper_start(&b);
	hello(&b);
	create(&b);
	assert_memory_equal(&first, &b.w.escrow, sizeof first);
}

/* ---- HELLO and form ---- */

static void
nothing_before_hello_and_nothing_for_another_server(void **state)
{
	OWN(bench_free) struct bench b = bench_plain();

	(void)state;
	world_plain(&b.w, ESCROW_CREATE, &b.request);
	assert_int_equal(ask(&b), ERR_PERMISSION);
	hello(&b);
	assert_int_equal(b.body.n, 32 + 4 + 8 + 32);
	assert_memory_equal(b.body.p, b.k->sign_pk, SIG_PK_BYTES);
	keeper_start(&b);
	b.w.server_pk[0] ^= 1;
	world_hello(&b.w, &b.request);
	assert_int_equal(ask(&b), ERR_PERMISSION);
	world_plain(&b.w, ESCROW_CREATE, &b.request);
	assert_int_equal(ask(&b), ERR_PERMISSION);
	b.w.server_pk[0] ^= 1;
	hello(&b);
	create(&b);
}

static void
what_is_no_request_is_refused(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	uint64_t n = journal_head(b.k->journal).n;

	(void)state;
	for (unsigned verb = 0; verb < 256; verb++) {
		buf_clear(&b.request);
		buf_put_u8(&b.request, ESCROW_VERSION);
		buf_put_u8(&b.request, (uint8_t)verb);
		assert_int_equal(ask(&b), ERR_BAD_REQUEST);
		/* A uid, and what no verb ends with. */
		id_put(&b.request, &b.w.uid);
		buf_put_str(&b.request, "x");
		/* One verb is not a server's at all, and that is noted. */
		assert_int_equal(ask(&b),
		    verb == ESCROW_DISCLOSE ? ERR_PERMISSION : ERR_BAD_REQUEST);
	}
	world_plain(&b.w, ESCROW_STATE, &b.request);
	b.request.p[0] = 2;
	assert_int_equal(ask(&b), ERR_UPDATE_NEEDED);
	buf_clear(&b.request);
	assert_int_equal(ask(&b), ERR_BAD_REQUEST);
	world_plain(&b.w, ESCROW_CREATE, &b.request);
	memset(b.request.p + 2, 0, ID_BYTES);
	assert_int_equal(ask(&b), ERR_BAD_REQUEST);
	assert_int_equal(journal_head(b.k->journal).n, n + 1);
}

/* ---- RELEASE: each thing that can be wrong ---- */

static void
other_release_key(struct bench *b, struct world_asking *x)
{
	x->ask_key = b->w.key[0];
}
static void
other_server(struct bench *b, struct world_asking *x)
{
	x->statement_key = b->w.key[0];
}
static void
statement_of_another_account(struct bench *b, struct world_asking *x)
{
	(void)b;
	x->statement.uid.b[3] ^= 1;
}
static void
statement_of_another_request(struct bench *b, struct world_asking *x)
{
	(void)b;
	x->statement.request.b[3] ^= 1;
}
static void
statement_for_another(struct bench *b, struct world_asking *x)
{
	memcpy(x->statement.recipient, b->w.device[2].kem_pk, KEM_PK_BYTES);
}
static void
old_statement(struct bench *b, struct world_asking *x)
{
	(void)b;
	x->statement.time_ms -= RELEASE_SKEW_MS + 1;
}
static void
old_asking(struct bench *b, struct world_asking *x)
{
	(void)b;
	x->ask.time_ms -= RELEASE_SKEW_MS + 1;
}
static void
asking_from_the_future(struct bench *b, struct world_asking *x)
{
	(void)b;
	x->ask.time_ms += RELEASE_SKEW_MS + 1;
}
static void
made_up_nonce(struct bench *b, struct world_asking *x)
{
	(void)b;
	x->ask.nonce[0] ^= 1;
}
static void
late_nonce(struct bench *b, struct world_asking *x)
{
	(void)x;
	b->now_ms += ESCROW_NONCE_MS;
}
static void
used_nonce(struct bench *b, struct world_asking *x)
{
	world_release(x, &b->request);
	must(b);
	x->ask.request.b[5] ^= 1;
	x->statement.request.b[5] ^= 1;
}
static void
nonce_of_another_account(struct bench *b, struct world_asking *x)
{
	struct world other = world_new();

	world_plain(&other, ESCROW_CREATE, &b->request);
	must(b);
	world_plain(&other, ESCROW_NONCE_ASK, &b->request);
	must(b);
	memcpy(x->ask.nonce, b->body.p, ESCROW_NONCE);
	world_free(&other);
}
static void
nonce_before_a_restart(struct bench *b, struct world_asking *x)
{
	(void)x;
	keeper_start(b);
	hello(b);
}
static void
category_keychain(struct bench *b, struct world_asking *x)
{
	(void)b;
	x->ask.categories[1] = CATEGORY_KEYCHAIN;
}
static void
category_state(struct bench *b, struct world_asking *x)
{
	(void)b;
	x->ask.categories[0] = CATEGORY_STATE;
}
static void
category_messages(struct bench *b, struct world_asking *x)
{
	(void)b;
	x->ask.categories[x->ask.n++] = CATEGORY_MESSAGES;
}
static void
released_request(struct bench *b, struct world_asking *x)
{
	OWN(world_asking_free) struct world_asking first = asking(b);

	first.ask.request = first.statement.request = x->ask.request;
	world_release(&first, &b->request);
	must(b);
}
static void
envelope_of_another_key(struct bench *b, struct world_asking *x)
{
	struct circle other;

	circle_copy(&other, &b->w.circle);
	other.escrow.kem_pk[0] ^= 1;
	buf_clear(&x->envelopes);
	keyring_for_escrow(b->w.ring, &other, b->w.key[0],
	    &b->w.device[0].dev_id, &x->envelopes);
	circle_free(&other);
}
static void
envelope_by_nobody(struct bench *b, struct world_asking *x)
{
	buf_clear(&x->envelopes);
	keyring_for_escrow(b->w.ring, &b->w.circle, b->w.key[2],
	    &b->w.device[2].dev_id, &x->envelopes);
}
static void
changed_envelope(struct bench *b, struct world_asking *x)
{
	(void)b;
	x->envelopes.p[x->envelopes.n - 1] ^= 1;
}
static void
circle_to_advanced(struct bench *b, struct world_asking *x)
{
	world_protection(&b->w, PROTECTION_ADVANCED, 0);
	world_since(&b->w, 1, &x->circle);
}
static void
circle_to_another_escrow(struct bench *b, struct world_asking *x)
{
	struct circle_escrow ours = b->w.escrow;
	OWN(buf_free) struct buf m = { 0 };

	devkey_sign_pk(b->w.key[3], b->w.escrow.sign_pk);
	id_put(&m, &b->w.uid);
	buf_put(&m, b->w.escrow.kem_pk, KEM_PK_BYTES);
	devkey_sign(
	    b->w.key[3], SIG_ESCROW_ACCOUNT, buf_bytes(&m), b->w.escrow.sig);
	world_protection(&b->w, PROTECTION_STANDARD, 0);
	world_since(&b->w, 1, &x->circle);
	b->w.escrow = ours;
}
static void
circle_closed(struct bench *b, struct world_asking *x)
{
	world_close(&b->w);
	world_since(&b->w, 1, &x->circle);
}
static void
circle_reset_by_nobody(struct bench *b, struct world_asking *x)
{
	world_reset(&b->w, 2);
	world_since(&b->w, 1, &x->circle);
}
static void
circle_with_a_gap(struct bench *b, struct world_asking *x)
{
	world_add(&b->w, 1);
	world_add(&b->w, 2);
	world_since(&b->w, 2, &x->circle);
}
static void
forked_beyond(struct bench *b, struct world_asking *x)
{
	world_add(&b->w, 1);
	b->now_ms++;
	register_at(b, 1, 0);
	must(b);
	world_back(&b->w, 1);
	world_add(&b->w, 2);
	world_add(&b->w, 3);
	world_since(&b->w, 2, &x->circle);
}
static void
forked_within(struct bench *b, struct world_asking *x)
{
	world_add(&b->w, 1);
	b->now_ms++;
	register_at(b, 1, 0);
	must(b);
	world_back(&b->w, 1);
	world_add(&b->w, 2);
	world_since(&b->w, 1, &x->circle);
}
static void
rolled_back(struct bench *b, struct world_asking *x)
{
	world_add(&b->w, 1);
	b->now_ms++;
	register_at(b, 1, 0);
	must(b);
	world_back(&b->w, 1);
	world_since(&b->w, 0, &x->circle);
}
static void
circle_signed_wrong(struct bench *b, struct world_asking *x)
{
	world_add(&b->w, 1);
	world_since(&b->w, 1, &x->circle);
	x->circle.p[x->circle.n - 1] ^= 1;
}
static void
circle_of_another(struct bench *b, struct world_asking *x)
{
	struct world other = world_new();

	other.escrow = b->w.escrow;
	world_genesis(&other, PROTECTION_ADVANCED);
	world_since(&other, 0, &x->circle);
	world_free(&other);
}
static void
clock_back(struct bench *b, struct world_asking *x)
{
	(void)x;
	b->now_ms = journal_last_ms(b->k->journal) - 1;
}

static const struct spoiling {
	const char *name;
	void (*spoil)(struct bench *b, struct world_asking *x);
	enum err_code code;
} spoilings[] = {
	{ "another release key", other_release_key, ERR_RELEASE_REFUSED },
	{ "a statement of another server", other_server, ERR_RELEASE_REFUSED },
	{ "of another account", statement_of_another_account,
	    ERR_RELEASE_REFUSED },
	{ "of another request", statement_of_another_request,
	    ERR_RELEASE_REFUSED },
	{ "for another recipient", statement_for_another, ERR_RELEASE_REFUSED },
	{ "an old statement", old_statement, ERR_CLOCK_WRONG },
	{ "an old asking", old_asking, ERR_CLOCK_WRONG },
	{ "one from the future", asking_from_the_future, ERR_CLOCK_WRONG },
	{ "a nonce made up", made_up_nonce, ERR_CODE_EXPIRED },
	{ "a nonce too late", late_nonce, ERR_CODE_EXPIRED },
	{ "a nonce twice", used_nonce, ERR_CODE_EXPIRED },
	{ "another account's nonce", nonce_of_another_account,
	    ERR_CODE_EXPIRED },
	{ "a nonce from before a restart", nonce_before_a_restart,
	    ERR_CODE_EXPIRED },
	{ "the keychain", category_keychain, ERR_CATEGORY_CLOSED },
	{ "the state", category_state, ERR_CATEGORY_CLOSED },
	{ "messages", category_messages, ERR_CATEGORY_CLOSED },
	{ "a request again", released_request, ERR_RELEASE_REFUSED },
	{ "envelopes for another key", envelope_of_another_key,
	    ERR_KEY_SUBSTITUTED },
	{ "envelopes by no member", envelope_by_nobody, ERR_KEY_SUBSTITUTED },
	{ "a changed envelope", changed_envelope, ERR_KEY_SUBSTITUTED },
	{ "advanced protection", circle_to_advanced, ERR_RELEASE_REFUSED },
	{ "another escrow", circle_to_another_escrow, ERR_ESCROW_CHANGED },
	{ "a closed account", circle_closed, ERR_RELEASE_REFUSED },
	{ "a RESET without an order", circle_reset_by_nobody,
	    ERR_RELEASE_REFUSED },
	{ "a circle with a gap", circle_with_a_gap, ERR_CONFLICT },
	{ "a circle forked beyond", forked_beyond, ERR_CIRCLE_FORKED },
	{ "a circle forked within", forked_within, ERR_CIRCLE_FORKED },
	{ "a circle rolled back", rolled_back, ERR_CIRCLE_ROLLED_BACK },
	{ "a circle signed wrongly", circle_signed_wrong, ERR_CIRCLE_INVALID },
	{ "another's circle", circle_of_another, ERR_CIRCLE_INVALID },
	{ "a clock turned back", clock_back, ERR_CLOCK_WRONG },
};

static void
refuses_each_thing_that_is_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(spoilings); i++) {
		OWN(bench_free) struct bench b = bench_new();
		OWN(world_asking_free) struct world_asking x = asking(&b);
		print_message("# %s\n", spoilings[i].name);
		spoilings[i].spoil(&b, &x);
		world_release(&x, &b.request);
		refused(&b, spoilings[i].code);
	}
}

static void
a_way_cannot_write_the_rest_of_a_line(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	OWN(world_asking_free) struct world_asking x = asking(&b);

	(void)state;
	x.statement.way = bytes_str("text keys=0");
	world_release(&x, &b.request);
	assert_int_equal(ask(&b), ERR_BAD_REQUEST);
}

static void
nothing_can_be_sealed_to_a_key_that_is_none(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	struct id order = { { 7 } };

	(void)state;
	for (uint8_t low = 0; low < 2; low++) {
		OWN(world_asking_free) struct world_asking x = asking(&b);
		memset(x.ask.recipient, 0, KEM_PK_BYTES);
		x.ask.recipient[0] = low;
		memcpy(x.statement.recipient, x.ask.recipient, KEM_PK_BYTES);
		world_release(&x, &b.request);
		assert_int_equal(ask(&b), ERR_BAD_REQUEST);
		memset(b.w.device[3].kem_pk, 0, KEM_PK_BYTES);
		b.w.device[3].kem_pk[0] = low;
		world_order(&b.w, &order, 3, "r", &b.request);
		assert_int_equal(ask(&b), ERR_BAD_REQUEST);
	}
}

/* What was verified once cannot be hidden again. */
static void
a_refused_request_still_teaches_the_circle(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	OWN(world_asking_free) struct world_asking x = asking(&b);

	(void)state;
	circle_to_advanced(&b, &x);
	world_release(&x, &b.request);
	refused(&b, ERR_RELEASE_REFUSED);
	assert_int_equal(state_of(&b).circle_seq, 2);
	world_back(&b.w, 1);
	OWN(world_asking_free) struct world_asking y = asking(&b);
	world_release(&y, &b.request);
	refused(&b, ERR_RELEASE_REFUSED);
}

/* ---- limits ---- */

static void
twenty_an_hour_over_restarts(void **state)
{
	OWN(bench_free) struct bench b = bench_new();

	(void)state;
	for (int i = 0; i < 20; i++) {
		if (i == 10) {
			keeper_start(&b);
			hello(&b);
		}
		b.now_ms += 1000;
		assert_int_equal(release_once(&b), ERR_NONE);
	}
	assert_int_equal(release_once(&b), ERR_TOO_MANY_ATTEMPTS);
	keeper_start(&b);
	hello(&b);
	assert_int_equal(release_once(&b), ERR_TOO_MANY_ATTEMPTS);
	b.now_ms += WORLD_HOUR;
	assert_int_equal(release_once(&b), ERR_NONE);
}

static void
and_of_all_accounts_together(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	struct world first = b.w;
	OWN(secret_free) struct secret *server = devkey_secret(b.w.server);

	(void)state;
	b.k->settings.releases_per_hour_total = 3;
	assert_int_equal(release_once(&b), ERR_NONE);
	assert_int_equal(release_once(&b), ERR_NONE);
	b.w = world_new();
	memcpy(b.w.server_pk, first.server_pk, sizeof first.server_pk);
	devkey_free(&b.w.server);
	b.w.server = devkey_of(secret_bytes(server));
	create(&b);
	world_genesis(&b.w, PROTECTION_STANDARD);
	register_at(&b, 0, 0);
	must(&b);
	assert_int_equal(release_once(&b), ERR_NONE);
	OWN(world_asking_free) struct world_asking x = asking(&b);
	world_release(&x, &b.request);
	refused(&b, ERR_TOO_MANY_ATTEMPTS);
	world_free(&first);
}

static void
twenty_refusals_an_hour_are_written(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	struct world nobody = world_new();

	(void)state;
	for (int i = 0; i < 30; i++) {
		OWN(world_asking_free) struct world_asking x = asking(&b);
		x.ask_key = b.w.key[0];
		world_release(&x, &b.request);
		assert_int_equal(ask(&b), ERR_RELEASE_REFUSED);
	}
	assert_int_equal(journal_head(b.k->journal).n, 2 + 20);
	b.now_ms += WORLD_HOUR + 1;
	OWN(world_asking_free) struct world_asking x = asking(&b);
	x.ask_key = b.w.key[0];
	world_release(&x, &b.request);
	refused(&b, ERR_RELEASE_REFUSED);
	/* Of accounts that were never here nothing is. */
	world_plain(&nobody, ESCROW_NONCE_ASK, &b.request);
	assert_int_equal(ask(&b), ERR_NOT_FOUND);
	assert_int_equal(journal_head(b.k->journal).n, 2 + 21);
	world_free(&nobody);
}

static void
a_thousand_nonces_wait_and_no_more(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	OWN(world_asking_free) struct world_asking first = asking(&b);
	uint8_t nonce[ESCROW_NONCE];

	(void)state;
	for (int i = 0; i < KEEPER_NONCES - 1; i++)
		draw(&b, nonce);
	assert_int_equal(b.k->n_nonces, KEEPER_NONCES);
	world_release(&first, &b.request);
	must(&b);
	OWN(world_asking_free) struct world_asking second = asking(&b);
	for (int i = 0; i < KEEPER_NONCES; i++)
		draw(&b, nonce);
	assert_int_equal(b.k->n_nonces, KEEPER_NONCES);
	world_release(&second, &b.request);
	refused(&b, ERR_CODE_EXPIRED);
	b.now_ms += ESCROW_NONCE_MS;
	draw(&b, nonce);
	assert_int_equal(b.k->n_nonces, 1);
}

/* ---- REGISTER ---- */

static void
a_release_key_comes_from_a_device_of_the_circle(void **state)
{
	OWN(bench_free) struct bench b = bench_new();

	(void)state;
	/* The same again: an answer was lost. */
	uint64_t n = journal_head(b.k->journal).n;
	register_at(&b, 1, 0);
	must(&b);
	assert_int_equal(journal_head(b.k->journal).n, n);
	b.now_ms++;
	register_at(&b, 1, 2); /* no member */
	refused(&b, ERR_NOT_A_MEMBER);
	register_at(&b, 1, 0);
	b.request.p[b.request.n - 1] ^= 1;
	refused(&b, ERR_RELEASE_REFUSED);
	/* One from the future keeps none out that is made until then. */
	world_register(&b.w, 1, 0, b.now_ms + RELEASE_AHEAD_MS + 1, &b.request);
	refused(&b, ERR_CLOCK_WRONG);
	b.now_ms++;
	register_at(&b, 1, 0);
	must(&b);
	world_register(&b.w, 1, 0, b.now_ms - 2, &b.request);
	refused(&b, ERR_RELEASE_REFUSED);
	register_at(&b, 1, 0);
	must(&b);
	/* A device that left. */
	world_add(&b.w, 1);
	b.now_ms++;
	register_at(&b, 1, 1);
	must(&b);
}

static void
an_older_registration_does_not_come_back(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	OWN(buf_free) struct buf old = { 0 };
	struct world_asking x;

	(void)state;
	buf_put_bytes(&old, buf_bytes(&b.request)); /* NONCE */
	world_register(&b.w, 1, 0, b.now_ms, &old);
	b.now_ms += 1000;
	devkey_free(&b.w.release);
	struct device d;
	b.w.release = devkey_new(&d);
	memcpy(b.w.release_pk, d.sign_pk, sizeof d.sign_pk);
	register_at(&b, 1, 0);
	must(&b);
	buf_clear(&b.request);
	buf_put_bytes(&b.request, buf_bytes(&old));
	refused(&b, ERR_RELEASE_REFUSED);
	x = asking(&b);
	world_release(&x, &b.request);
	must(&b);
	world_asking_free(&x);
}

static void
registering_needs_standard_protection_with_this_very_key(void **state)
{
	OWN(bench_free) struct bench b = bench_plain();

	(void)state;
	hello(&b);
	world_genesis(&b.w, PROTECTION_ADVANCED);
	register_at(&b, 0, 0);
	assert_int_equal(ask(&b), ERR_NOT_FOUND);
	create(&b);
	register_at(&b, 0, 0);
	refused(&b, ERR_RELEASE_REFUSED);
	world_protection(&b.w, PROTECTION_STANDARD, 0);
	/* From the beginning, though the first entry is known. */
	register_at(&b, 0, 0);
	must(&b);
}

/* A server could make up a RESET before the escrow knows the circle. */
static void
a_reset_is_not_believed_at_first_sight(void **state)
{
	OWN(bench_free) struct bench b = bench_plain();

	(void)state;
	hello(&b);
	create(&b);
	world_genesis(&b.w, PROTECTION_STANDARD);
	world_reset(&b.w, 1);
	register_at(&b, 0, 1);
	refused(&b, ERR_RELEASE_REFUSED);
	assert_int_equal(state_of(&b).circle_seq, 0);
}

/* ---- ORDER, CANCEL, COLLECT ---- */

static const struct id order_1 = { { 1, 1 } }, order_2 = { { 2, 2 } };

static void
order(struct bench *b, const struct id *id, int to)
{
	world_order(&b->w, id, to, "passport seen, case 17", &b->request);
}

static void
collect(struct bench *b, const struct id *id)
{
	world_collect(&b->w, id, &b->request);
}

static void
an_order_waits_and_is_then_carried_out(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	struct escrow_released r;
	struct err e = { 0 };

	(void)state;
	order(&b, &order_1, 1);
	must(&b);
	assert_int_equal(b.body.n, 8);
	uint64_t ends = b.now_ms + 3 * WORLD_DAY;
	assert_int_equal(be64(b.body.p), ends);
	/* The same again: an answer was lost. */
	uint64_t n = journal_head(b.k->journal).n;
	b.now_ms += 5;
	order(&b, &order_1, 1);
	must(&b);
	assert_int_equal(be64(b.body.p), ends);
	assert_int_equal(journal_head(b.k->journal).n, n);
	struct escrow_state is = state_of(&b);
	assert_true(id_equal(&is.order, &order_1));
	assert_int_equal(is.order_ends_ms, ends);
	b.now_ms = ends - 1;
	collect(&b, &order_1);
	refused(&b, ERR_RECOVERY_WAITING);
	keeper_start(&b);
	hello(&b);
	collect(&b, &order_2);
	refused(&b, ERR_NOT_FOUND);
	b.now_ms = ends;
	for (int i = 0; i < 2; i++) {
		collect(&b, &order_1);
		must(&b);
		assert_int_equal(escrow_released_parse(b.body, &r, &e), 0);
		assert_true(id_equal(&r.request, &order_1));
		/* K and N of backup, drive, photos and notes. */
		assert_int_equal(r.n, 8);
		assert_memory_equal(
		    r.recipient, b.w.device[1].kem_pk, KEM_PK_BYTES);
		struct journal_head head =
		    journal_account(b.k->journal, &b.w.uid);
		assert_int_equal(r.journal_n, head.n);
	}
	b.now_ms = ends + (uint64_t)RELEASE_COLLECT_MS + 1;
	collect(&b, &order_1);
	refused(&b, ERR_RELEASE_REFUSED);
	is = state_of(&b);
	assert_true(id_zero(&is.order));
}

static void
a_cancelled_order_is_dead(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	struct escrow_state is;

	(void)state;
	world_cancel(&b.w, &order_1, &b.request);
	refused(&b, ERR_NOT_FOUND);
	order(&b, &order_1, 1);
	must(&b);
	world_cancel(&b.w, &order_2, &b.request);
	refused(&b, ERR_NOT_FOUND);
	world_cancel(&b.w, &order_1, &b.request);
	must(&b);
	world_cancel(&b.w, &order_1, &b.request);
	must(&b);
	is = state_of(&b);
	assert_true(id_zero(&is.order));
	b.now_ms += 4 * WORLD_DAY;
	collect(&b, &order_1);
	refused(&b, ERR_RELEASE_REFUSED);
	order(&b, &order_1, 1);
	refused(&b, ERR_CONFLICT);
	order(&b, &order_2, 1);
	must(&b);
}

static void
a_newer_order_takes_the_place_of_one(void **state)
{
	OWN(bench_free) struct bench b = bench_new();

	(void)state;
	order(&b, &order_1, 1);
	must(&b);
	order(&b, &order_1, 2); /* another recipient under that id */
	refused(&b, ERR_CONFLICT);
	b.now_ms += WORLD_DAY;
	order(&b, &order_2, 2);
	must(&b);
	b.now_ms += 2 * WORLD_DAY;
	collect(&b, &order_1);
	refused(&b, ERR_NOT_FOUND);
	collect(&b, &order_2);
	refused(&b, ERR_RECOVERY_WAITING);
	b.now_ms += WORLD_DAY;
	collect(&b, &order_2);
	must(&b);
}

static void
five_orders_a_day(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	struct id id = { { 9 } };

	(void)state;
	for (uint8_t i = 0; i < 5; i++) {
		id.b[1] = i;
		order(&b, &id, 1);
		must(&b);
	}
	id.b[1] = 5;
	order(&b, &id, 1);
	refused(&b, ERR_TOO_MANY_ATTEMPTS);
	b.now_ms += WORLD_DAY + 1;
	order(&b, &id, 1);
	must(&b);
}

static void
an_order_needs_a_key_and_standard_protection(void **state)
{
	OWN(bench_free) struct bench b = bench_plain();

	(void)state;
	hello(&b);
	order(&b, &order_1, 1);
	assert_int_equal(ask(&b), ERR_NOT_FOUND);
	create(&b);
	order(&b, &order_1, 1);
	refused(&b, ERR_RELEASE_REFUSED);
	world_genesis(&b.w, PROTECTION_STANDARD);
	register_at(&b, 0, 0);
	must(&b);
	world_order(&b.w, &order_1, 1, "", &b.request);
	assert_int_equal(ask(&b), ERR_BAD_REQUEST);
	world_order(&b.w, &order_1, 1, "a\nb", &b.request);
	assert_int_equal(ask(&b), ERR_BAD_REQUEST);
	world_order(&b.w, &(struct id){ { 0 } }, 1, "a", &b.request);
	assert_int_equal(ask(&b), ERR_BAD_REQUEST);
	order(&b, &order_1, 1);
	must(&b);
}

static void
a_clock_turned_back_does_not_shorten_a_wait(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	uint64_t real = b.now_ms;

	(void)state;
	b.now_ms = real - 1;
	order(&b, &order_1, 1);
	refused(&b, ERR_CLOCK_WRONG);
	/* Nor does a line that is written meanwhile set a new mark. */
	b.w.request.b[2] = 1;
	refused(&b, ERR_CLOCK_WRONG);
	assert_int_equal(journal_last_ms(b.k->journal), real);
	keeper_start(&b);
	hello(&b);
	order(&b, &order_1, 1);
	refused(&b, ERR_CLOCK_WRONG);
	b.now_ms = real;
	order(&b, &order_1, 1);
	must(&b);
	b.now_ms = real + 4 * WORLD_DAY;
	collect(&b, &order_1);
	must(&b);
	b.now_ms -= 1;
	collect(&b, &order_1);
	refused(&b, ERR_CLOCK_WRONG);
}

static void
a_reference_cannot_write_words_of_its_own(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	OWN(buf_free) struct buf lines = { 0 };
	struct escrow_line l;
	struct err e = { 0 };

	(void)state;
	world_order(&b.w, &order_1, 1, "x\" device=00 code=\"ok", &b.request);
	must(&b);
	assert_int_equal(
	    journal_lines(b.k->journal, &b.w.uid, 2, 4096, &lines, &e), 0);
	struct scan s = scan_of(buf_bytes(&lines));
	assert_int_equal(escrow_line_parse(scan_v16(&s), &l, &e), 0);
	assert_int_equal(journal_word(l.detail, "device").n, 32);
	assert_null(journal_word(l.detail, "code").p);
	assert_true(bytes_equal(journal_word(l.detail, "reference"),
	    bytes_str("x' device=00 code='ok")));
}

/* ---- RESET ---- */

static void
a_collected_order_may_begin_the_circle_anew(void **state)
{
	OWN(bench_free) struct bench b = bench_new();

	(void)state;
	order(&b, &order_1, 1);
	must(&b);
	b.now_ms += 3 * WORLD_DAY;
	world_reset(&b.w, 1);
	register_at(&b, 1, 1);
	refused(&b, ERR_RELEASE_REFUSED); /* not collected yet */
	world_back(&b.w, 1);
	collect(&b, &order_1);
	must(&b);
	keeper_start(&b);
	hello(&b);
	world_reset(&b.w, 2);
	register_at(&b, 1, 2);
	refused(&b, ERR_RELEASE_REFUSED); /* who is that? */
	world_back(&b.w, 1);
	world_reset(&b.w, 1);
	register_at(&b, 1, 1);
	must(&b);
	/* Who was in the circle before it is not any more. */
	b.now_ms++;
	register_at(&b, 2, 0);
	refused(&b, ERR_NOT_A_MEMBER);
}

static void
the_recipients_other_key_must_be_the_orders_too(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	struct device mine = b.w.device[2];

	(void)state;
	order(&b, &order_1, 1);
	must(&b);
	b.now_ms += 3 * WORLD_DAY;
	collect(&b, &order_1);
	must(&b);
	/* Device 2 signs, but claims to open what was sealed to device 1. */
	memcpy(b.w.device[2].kem_pk, b.w.device[1].kem_pk, KEM_PK_BYTES);
	world_reset(&b.w, 2);
	register_at(&b, 1, 2);
	refused(&b, ERR_RELEASE_REFUSED);
	b.w.device[2] = mine;
}

/* ---- DESTROY, DROP ---- */

static void
destroy(struct bench *b, uint32_t since)
{
	world_destroy(&b->w, since, &b->request);
}

static void
destroying_needs_the_devices_word(void **state)
{
	OWN(bench_free) struct bench b = bench_new();

	(void)state;
	destroy(&b, 1);
	refused(&b, ERR_RELEASE_REFUSED);
	world_protection(&b.w, PROTECTION_ADVANCED, 0);
	destroy(&b, 1);
	b.request.p[b.request.n - 1] ^= 1;
	refused(&b, ERR_CIRCLE_INVALID);
	assert_true(state_of(&b).there);
	destroy(&b, 1);
	must(&b);
	assert_false(state_of(&b).there);
	uint64_t n = journal_head(b.k->journal).n;
	destroy(&b, 2);
	must(&b);
	destroy(&b, 0);
	must(&b);
	assert_int_equal(journal_head(b.k->journal).n, n);
	world_back(&b.w, 1);
	OWN(world_asking_free)
	struct world_asking x =
	    world_ask(&b.w, (const uint8_t[ESCROW_NONCE]){ 0 }, 1, b.now_ms);
	world_release(&x, &b.request);
	refused(&b, ERR_NOT_FOUND);
}

static void
a_destroyed_key_does_not_come_back(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	struct circle_escrow old = b.w.escrow;

	(void)state;
	world_protection(&b.w, PROTECTION_ADVANCED, 0);
	destroy(&b, 1);
	must(&b);
	keeper_start(&b);
	hello(&b);
	create(&b);
	assert_memory_not_equal(old.kem_pk, b.w.escrow.kem_pk, KEM_PK_BYTES);
	/* A replayed destroying does not hit the new one. */
	destroy(&b, 0);
	refused(&b, ERR_RELEASE_REFUSED);
	assert_true(state_of(&b).there);
	register_at(&b, 0, 0);
	refused(&b, ERR_RELEASE_REFUSED);
	/* Nor is the old key good again. */
	struct circle_escrow new = b.w.escrow;
	b.w.escrow = old;
	world_protection(&b.w, PROTECTION_STANDARD, 0);
	register_at(&b, 2, 0);
	refused(&b, ERR_ESCROW_CHANGED);
	b.w.escrow = new;
	world_protection(&b.w, PROTECTION_STANDARD, 0);
	register_at(&b, 3, 0);
	must(&b);
	assert_int_equal(release_once(&b), ERR_NONE);
	world_protection(&b.w, PROTECTION_ADVANCED, 0);
	destroy(&b, 4);
	must(&b);
}

/* Whatever the circle says: what was destroyed later is the last word. */
static void
a_tombstones_clock_outweighs_the_circle(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	OWN(world_asking_free) struct world_asking x = asking(&b);
	struct ward w;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(ward_load(b.k->wards, &b.w.uid, &w, &e), 0);
	w.destroyed = true;
	w.destroyed_clock = 0;
	assert_int_equal(ward_store(b.k->wards, &w, &e), 0);
	world_release(&x, &b.request);
	refused(&b, ERR_RELEASE_REFUSED);
}

static void
the_key_of_a_closed_account_goes(void **state)
{
	OWN(bench_free) struct bench b = bench_new();

	(void)state;
	world_close(&b.w);
	destroy(&b, 1);
	must(&b);
	assert_false(state_of(&b).there);
}

static void
destroying_ends_an_order(void **state)
{
	OWN(bench_free) struct bench b = bench_new();

	(void)state;
	order(&b, &order_1, 1);
	must(&b);
	world_protection(&b.w, PROTECTION_ADVANCED, 0);
	destroy(&b, 1);
	must(&b);
	b.now_ms += 4 * WORLD_DAY;
	collect(&b, &order_1);
	refused(&b, ERR_NOT_FOUND);
}

static void
only_what_came_to_nothing_is_dropped(void **state)
{
	OWN(bench_free) struct bench b = bench_plain();

	(void)state;
	hello(&b);
	world_plain(&b.w, ESCROW_DROP, &b.request);
	must(&b);
	create(&b);
	struct circle_escrow first = b.w.escrow;
	world_plain(&b.w, ESCROW_DROP, &b.request);
	must(&b);
	assert_false(state_of(&b).there);
	create(&b);
	assert_memory_not_equal(first.kem_pk, b.w.escrow.kem_pk, KEM_PK_BYTES);
	world_genesis(&b.w, PROTECTION_STANDARD);
	register_at(&b, 0, 0);
	must(&b);
	world_plain(&b.w, ESCROW_DROP, &b.request);
	refused(&b, ERR_RELEASE_REFUSED);
}

/* ---- damage ---- */

static void
a_journal_that_lost_lines_is_noticed(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	OWN(mem_free) char *path = file_join(b.dir.path, "journal");
	OWN(buf_free) struct buf file = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(file_read(path, 1u << 20, &file, &e), 0);
	assert_int_equal(release_once(&b), ERR_NONE);
	keeper_free(&b.k);
	assert_int_equal(file_write(path, buf_bytes(&file), 0600, &e), 0);
	keeper_start(&b);
	hello(&b);
	world_plain(&b.w, ESCROW_STATE, &b.request);
	assert_int_equal(ask(&b), ERR_JOURNAL_ROLLED_BACK);
}

static void
one_keeper_serves_a_folder(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	OWN(keeper_free) struct keeper *second = NULL;
	OWN(keeper_free) struct keeper *look = NULL;
	OWN(settings_free) struct settings s = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
	    keeper_open(b.dir.path, KEEPER_SERVE, &second, &e), -1);
	assert_int_equal(e.code, ERR_HOME_BUSY);
	assert_int_equal(keeper_open(b.dir.path, KEEPER_LOOK, &look, &e), 0);
	settings_defaults(&s);
	assert_int_equal(keeper_make(b.dir.path, &s, &e), -1);
	assert_int_equal(e.code, ERR_REPO_EXISTS);
}

static void
another_root_key_opens_nothing(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	OWN(mem_free) char *path = file_join(b.dir.path, "root.key");
	OWN(buf_free) struct buf file = { 0 };
	struct err e = { 0 };

	(void)state;
	keeper_free(&b.k);
	assert_int_equal(file_read(path, 4096, &file, &e), 0);
	file.p[file.n - 1] ^= 1;
	assert_int_equal(file_write(path, buf_bytes(&file), 0600, &e), 0);
	assert_int_equal(keeper_open(b.dir.path, KEEPER_SERVE, &b.k, &e), -1);
	assert_int_equal(e.code, ERR_STATE_DAMAGED);
	file.p[file.n - 1] ^= 1;
	assert_int_equal(file_write(path, buf_bytes(&file), 0640, &e), 0);
	assert_int_equal(keeper_open(b.dir.path, KEEPER_SERVE, &b.k, &e), -1);
	assert_int_equal(e.code, ERR_PERMISSION);
	assert_int_equal(file_write(path, buf_bytes(&file), 0600, &e), 0);
	keeper_start(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_reach_the_recipient),
		cmocka_unit_test(devices_can_check_the_journal),
		cmocka_unit_test(says_what_it_knows),
		cmocka_unit_test(creating_again_gives_the_same_key),
		cmocka_unit_test(
		    nothing_before_hello_and_nothing_for_another_server),
		cmocka_unit_test(what_is_no_request_is_refused),
		cmocka_unit_test(refuses_each_thing_that_is_wrong),
		cmocka_unit_test(a_way_cannot_write_the_rest_of_a_line),
		cmocka_unit_test(nothing_can_be_sealed_to_a_key_that_is_none),
		cmocka_unit_test(a_refused_request_still_teaches_the_circle),
		cmocka_unit_test(twenty_an_hour_over_restarts),
		cmocka_unit_test(and_of_all_accounts_together),
		cmocka_unit_test(twenty_refusals_an_hour_are_written),
		cmocka_unit_test(a_thousand_nonces_wait_and_no_more),
		cmocka_unit_test(
		    a_release_key_comes_from_a_device_of_the_circle),
		cmocka_unit_test(an_older_registration_does_not_come_back),
		cmocka_unit_test(
		    registering_needs_standard_protection_with_this_very_key),
		cmocka_unit_test(a_reset_is_not_believed_at_first_sight),
		cmocka_unit_test(an_order_waits_and_is_then_carried_out),
		cmocka_unit_test(a_cancelled_order_is_dead),
		cmocka_unit_test(a_newer_order_takes_the_place_of_one),
		cmocka_unit_test(five_orders_a_day),
		cmocka_unit_test(an_order_needs_a_key_and_standard_protection),
		cmocka_unit_test(a_clock_turned_back_does_not_shorten_a_wait),
		cmocka_unit_test(a_reference_cannot_write_words_of_its_own),
		cmocka_unit_test(a_collected_order_may_begin_the_circle_anew),
		cmocka_unit_test(
		    the_recipients_other_key_must_be_the_orders_too),
		cmocka_unit_test(destroying_needs_the_devices_word),
		cmocka_unit_test(a_destroyed_key_does_not_come_back),
		cmocka_unit_test(a_tombstones_clock_outweighs_the_circle),
		cmocka_unit_test(the_key_of_a_closed_account_goes),
		cmocka_unit_test(destroying_ends_an_order),
		cmocka_unit_test(only_what_came_to_nothing_is_dropped),
		cmocka_unit_test(a_journal_that_lost_lines_is_noticed),
		cmocka_unit_test(one_keeper_serves_a_folder),
		cmocka_unit_test(another_root_key_opens_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
