/* SPDX-License-Identifier: ISC */
/* fuzz_escrow.c: frames that a server sends, one after the other, to an escrow
 * with one account under standard protection and an order that may be
 * collected. */
/*
 * Keys and nonces are the same in each run, so that what is signed here counts.
 * ESCROW_SEEDS=DIR writes the seeds anew, after a change of the format.
 */
#include "../unit/escrow_world.h"
#include "../unit/scratch_dir.h"

#include "base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW (WORLD_MS + WORLD_HOUR + 4 * WORLD_DAY)

static uint32_t drawn;

struct secret *__wrap_secret_random(size_t n);
void __wrap_id_random(struct id *id);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);

static void
draw(uint8_t *to, size_t n)
{
	for (size_t i = 0; i < n; i += DIGEST_BYTES) {
		uint8_t count[4];
		struct digest d;
		be32_put(count, drawn++);
		digest_of(bytes_of(count, sizeof count), &d);
		memcpy(
		    to + i, d.b, n - i < DIGEST_BYTES ? n - i : DIGEST_BYTES);
	}
}

struct secret *
__wrap_secret_random(size_t n)
{
	struct secret *s = secret_new(n);

	draw(secret_room(s), n);
	return s;
}

void
__wrap_id_random(struct id *id)
{
	draw(id->b, sizeof id->b);
}

int
__wrap_fsync(int fd)
{
	(void)fd;
	return 0;
}

int
__wrap_fdatasync(int fd)
{
	(void)fd;
	return 0;
}

/* ---- the escrow ---- */

static struct {
	struct scratch dir;
	struct keeper *k;
	struct world w;
	struct ward ward; /* as it was made */
	uint64_t lines;
	bool there;
} set;

static const struct id order = { { 5, 5 } };

static enum err_code
ask(struct bytes request, uint64_t now_ms, struct buf *answer,
    struct bytes *body)
{
	bool greeted = true;
	struct id uid;

	buf_clear(answer);
	enum err_code code =
	    release_answer(set.k, request, &greeted, now_ms, answer, &uid);
	if (world_answer(buf_bytes(answer), body) != code)
		abort();
	return code;
}

static void
must(const struct buf *request, uint64_t now_ms, struct buf *answer,
    struct bytes *body)
{
	if (ask(buf_bytes(request), now_ms, answer, body) != ERR_NONE)
		abort();
}

static void
clear(void)
{
	if (!set.there)
		return;
	keeper_free(&set.k);
	world_free(&set.w);
	scratch_free(&set.dir);
	set.there = false;
}

static void
set_up(void)
{
	OWN(settings_free) struct settings s = { 0 };
	OWN(buf_free) struct buf request = { 0 };
	OWN(buf_free) struct buf answer = { 0 };
	struct bytes body;
	struct err e = { 0 };
	uint64_t then = NOW - 4 * WORLD_DAY;

	clear();
	drawn = 0;
	settings_defaults(&s);
	set.dir = scratch_new();
	set.w = world_new();
	world_must(keeper_make(set.dir.path, &s, &e));
	world_must(keeper_open(set.dir.path, KEEPER_SERVE, &set.k, &e));
	world_hello(&set.w, &request);
	must(&request, then, &answer, &body);
	world_plain(&set.w, ESCROW_CREATE, &request);
	must(&request, then, &answer, &body);
	world_meet_escrow(&set.w, set.k->sign_pk, body);
	world_genesis(&set.w, PROTECTION_STANDARD);
	world_register(&set.w, 0, 0, then, &request);
	must(&request, then, &answer, &body);
	world_order(&set.w, &order, 1, "a case", &request);
	must(&request, then, &answer, &body);
	world_must(ward_load(set.k->wards, &set.w.uid, &set.ward, &e));
	set.lines = journal_head(set.k->journal).n;
	set.there = true;
	/* Each run draws its nonces from here on. */
	drawn = 1000;
}

/* What a run left as it was serves the next one. */
static void
set_back(void)
{
	struct ward now;
	struct err e = { 0 };

	if (set.there && journal_head(set.k->journal).n == set.lines &&
	    ward_load(set.k->wards, &set.w.uid, &now, &e) == 0 &&
	    memcmp(&now, &set.ward, sizeof now) == 0) {
		set.k->n_nonces = 0;
		drawn = 1000;
	} else {
		set_up();
	}
}

/* ---- seeds ---- */

static void
save(const char *folder, const char *name, const struct buf *frames)
{
	OWN(mem_free) char *path = file_join(folder, name);
	struct err e = { 0 };

	world_must(file_write(path, buf_bytes(frames), 0644, &e));
}

static void
save_one(const char *folder, const char *name, const struct buf *request)
{
	OWN(buf_free) struct buf frames = { 0 };

	buf_put_v32(&frames, buf_bytes(request));
	save(folder, name, &frames);
}

static void
save_release(const char *folder)
{
	OWN(buf_free) struct buf request = { 0 };
	OWN(buf_free) struct buf answer = { 0 };
	OWN(buf_free) struct buf frames = { 0 };
	uint8_t nonce[ESCROW_NONCE];
	struct bytes body;

	set_up();
	world_plain(&set.w, ESCROW_NONCE_ASK, &request);
	buf_put_v32(&frames, buf_bytes(&request));
	must(&request, NOW, &answer, &body);
	memcpy(nonce, body.p, sizeof nonce);
	world_add(&set.w, 2);
	struct world_asking x = world_ask(&set.w, nonce, 1, NOW);
	world_since(&set.w, 1, &x.circle);
	world_release(&x, &request);
	must(&request, NOW, &answer, &body);
	buf_put_v32(&frames, buf_bytes(&request));
	save(folder, "release", &frames);
	world_asking_free(&x);
}

static void
save_reset(const char *folder)
{
	OWN(buf_free) struct buf request = { 0 };
	OWN(buf_free) struct buf answer = { 0 };
	OWN(buf_free) struct buf frames = { 0 };
	struct bytes body;

	set_up();
	world_collect(&set.w, &order, &request);
	must(&request, NOW, &answer, &body);
	buf_put_v32(&frames, buf_bytes(&request));
	save(folder, "collect", &frames);
	world_reset(&set.w, 1);
	world_register(&set.w, 1, 1, NOW, &request);
	must(&request, NOW, &answer, &body);
	buf_put_v32(&frames, buf_bytes(&request));
	save(folder, "reset", &frames);
}

static void
save_destroy(const char *folder)
{
	OWN(buf_free) struct buf request = { 0 };
	OWN(buf_free) struct buf answer = { 0 };
	OWN(buf_free) struct buf frames = { 0 };
	struct bytes body;

	set_up();
	world_protection(&set.w, PROTECTION_ADVANCED, 0);
	world_destroy(&set.w, 1, &request);
	must(&request, NOW, &answer, &body);
	buf_put_v32(&frames, buf_bytes(&request));
	world_plain(&set.w, ESCROW_CREATE, &request);
	buf_put_v32(&frames, buf_bytes(&request));
	save(folder, "destroy", &frames);
}

static void
save_all(const char *folder)
{
	OWN(buf_free) struct buf request = { 0 };
	struct id other = { { 6 } };

	save_release(folder);
	save_reset(folder);
	save_destroy(folder);
	set_up();
	world_hello(&set.w, &request);
	save_one(folder, "hello", &request);
	world_plain(&set.w, ESCROW_STATE, &request);
	save_one(folder, "state", &request);
	world_plain(&set.w, ESCROW_CREATE, &request);
	save_one(folder, "create", &request);
	world_plain(&set.w, ESCROW_DROP, &request);
	save_one(folder, "drop", &request);
	world_journal(&set.w, 1, &request);
	save_one(folder, "journal", &request);
	world_order(&set.w, &other, 3, "another case", &request);
	save_one(folder, "order", &request);
	world_cancel(&set.w, &order, &request);
	save_one(folder, "cancel", &request);
	clear();
}

/* ---- the fuzzer ---- */

static void
try_one(struct bytes request, struct buf *answer)
{
	struct escrow_released r;
	struct escrow_state x;
	struct bytes body;
	struct err e = { 0 };

	if (ask(request, NOW, answer, &body) != ERR_NONE)
		return;
	switch (request.p[1]) {
	case ESCROW_RELEASE:
	case ESCROW_COLLECT:
		if (escrow_released_parse(body, &r, &e) < 0 ||
		    !sig_valid(SIG_ESCROW_RELEASED, set.k->sign_pk,
			r.signed_part, r.sig))
			abort();
		break;
	case ESCROW_STATE:
		world_must(escrow_state_parse(body, &x, &e));
		break;
	default:
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool begun;
	struct scan s = scan_of(bytes_of(data, size));
	OWN(buf_free) struct buf answer = { 0 };

	if (!begun) {
		const char *seeds = getenv("ESCROW_SEEDS");
		begun = true;
		if (seeds != NULL)
			save_all(seeds);
		(void)atexit(clear);
	}
	set_back();
	for (int i = 0; i < 8 && s.n > 0; i++) {
		struct bytes request = scan_v32(&s);
		if (!scan_ok(&s))
			break;
		try_one(request, &answer);
	}
	return 0;
}
