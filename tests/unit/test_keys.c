/* SPDX-License-Identifier: ISC */
/* test_keys.c: the server's key files. */
#include "scratch_dir.h"

#include "base/file.h"
#include "server/keys.h"
#include "wire/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const names[] = { "localhost", "127.0.0.1" };
static const char *const files[] = { "opaque.key", "fake.key", "token.key",
	"tls.key", "tls.crt" };

struct place {
	struct scratch top;
	char *dir; /* top/keys */
	uint8_t opaque[KEYS_OPAQUE];
};

static int
setup(void **state)
{
	struct place *p = calloc(1, sizeof *p);

	p->top = scratch_new();
	p->dir = file_join(p->top.path, "keys");
	for (size_t i = 0; i < sizeof p->opaque; i++)
		p->opaque[i] = (uint8_t)i;
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		OWN(mem_free) char *path = file_join(p->dir, files[i]);
		(void)unlink(path);
	}
	int rc = file_exists(p->dir) ? rmdir(p->dir) : 0; /* nothing strange */
	scratch_free(&p->top);
	free(p->dir);
	free(p);
	return rc;
}

static void
make(const struct place *p)
{
	struct err e = { 0 };

	if (keys_make(p->dir, p->opaque, names, 2, &e) < 0)
		fail_msg("%s", e.msg);
}

static void
loads_what_was_made(void **state)
{
	const struct place *p = *state;
	OWN(keys_free) struct keys *a = NULL, *b = NULL;
	struct err e = { 0 };

	make(p);
	assert_int_equal(keys_load(p->dir, &a, &e), 0);
	assert_int_equal(keys_load(p->dir, &b, &e), 0);
	assert_memory_equal(keys_opaque(a), p->opaque, KEYS_OPAQUE);
	assert_true(bytes_equal(keys_fake(a), keys_fake(b)));
	assert_true(bytes_equal(keys_token(a), keys_token(b)));
	assert_false(bytes_equal(keys_token(a), keys_fake(a)));
	assert_true(digest_equal(keys_spki(a), keys_spki(b)));
	assert_non_null(
	    strstr((const char *)keys_cert_pem(a).p, "BEGIN CERTIFICATE"));
	assert_non_null(
	    strstr((const char *)keys_key_pem(a).p, "BEGIN PRIVATE KEY"));
}

static void
files_are_private_and_marked(void **state)
{
	const struct place *p = *state;
	struct stat st;
	struct err e = { 0 };

	make(p);
	assert_int_equal(stat(p->dir, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		OWN(mem_free) char *path = file_join(p->dir, files[i]);
		OWN(buf_free) struct buf file = { 0 };
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
		assert_int_equal(file_read(path, 65536, &file, &e), 0);
		assert_int_equal(strncmp(buf_text(&file), KEYS_MAGIC,
				     strlen(KEYS_MAGIC)) == 0,
		    i < 3);
	}
}

static void
never_replaces_a_key(void **state)
{
	const struct place *p = *state;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		OWN(mem_free) char *path = file_join(p->dir, files[i]);
		OWN(buf_free) struct buf file = { 0 };
		struct err e = { 0 };
		assert_int_equal(file_mkdirs(p->dir, 0700, &e), 0);
		assert_int_equal(
		    file_write(path, bytes_str("old"), 0600, &e), 0);
		assert_int_equal(
		    keys_make(p->dir, p->opaque, names, 2, &e), -1);
		assert_int_equal(e.code, ERR_REPO_EXISTS);
		assert_int_equal(file_read(path, 65536, &file, &e), 0);
		assert_string_equal(buf_text(&file), "old");
		assert_int_equal(unlink(path), 0);
		assert_int_equal(rmdir(p->dir), 0); /* nothing else was made */
	}
}

static void
refuses_files_that_changed(void **state)
{
	static const char *const contents[] = { "", "x", KEYS_MAGIC,
		KEYS_MAGIC "0123456789012345678901234567890",
		"aumbry-secret-file v2\n01234567890123456789012345678901" };
	const struct place *p = *state;

	make(p);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		OWN(mem_free) char *path = file_join(p->dir, files[i]);
		OWN(buf_free) struct buf good = { 0 };
		struct keys *k = NULL;
		struct err e = { 0 };
		assert_int_equal(file_read(path, 65536, &good, &e), 0);
		for (size_t j = 0; j < ARRAY_SIZE(contents); j++) {
			/* That a PEM key is one, TLS finds when it starts. */
			if (strcmp(files[i], "tls.key") == 0 && j > 0)
				continue;
			assert_int_equal(
			    file_write(path, bytes_str(contents[j]), 0600, &e),
			    0);
			assert_int_equal(keys_load(p->dir, &k, &e), -1);
			assert_int_equal(e.code, ERR_STATE_DAMAGED);
			assert_null(k);
		}
		assert_int_equal(unlink(path), 0);
		assert_int_equal(keys_load(p->dir, &k, &e), -1);
		assert_int_equal(e.code, ERR_NOT_FOUND);
		assert_int_equal(
		    file_write(path, buf_bytes(&good), 0600, &e), 0);
	}
}

static void
refuses_keys_that_all_may_read(void **state)
{
	const struct place *p = *state;

	make(p);
	for (size_t i = 0; i < 4; i++) {
		OWN(mem_free) char *path = file_join(p->dir, files[i]);
		struct keys *k = NULL;
		struct err e = { 0 };
		assert_int_equal(chmod(path, 0644), 0);
		assert_int_equal(keys_load(p->dir, &k, &e), -1);
		assert_int_equal(e.code, ERR_PERMISSION);
		assert_int_equal(chmod(path, 0600), 0);
	}
}

/* Each new identity is vouched for by the one before; of a chain that is too
 * long the oldest goes. */
static void
hands_over(void **state)
{
	const struct place *p = *state;
	OWN(keys_free) struct keys *first = NULL, *last = NULL;
	struct err e = { 0 };
	size_t n;

	make(p);
	assert_int_equal(keys_load(p->dir, &first, &e), 0);
	assert_int_equal(keys_past(first).n, 0);
	for (size_t i = 1; i <= IDENTITY_PAST + 1; i++) {
		if (keys_rotate(p->dir, names, 2, false, &e) < 0)
			fail_msg("%s", e.msg);
		keys_free(&last);
		assert_int_equal(keys_load(p->dir, &last, &e), 0);
		assert_int_equal(
		    identity_past(keys_past(last), keys_spki(last), &n, &e), 0);
		assert_int_equal(n, i <= IDENTITY_PAST ? i : IDENTITY_PAST);
	}
	assert_false(digest_equal(keys_spki(first), keys_spki(last)));
	assert_memory_equal(keys_opaque(first), keys_opaque(last), KEYS_OPAQUE);
	assert_int_equal(keys_rotate(p->dir, names, 2, true, &e), 0);
	keys_free(&last);
	assert_int_equal(keys_load(p->dir, &last, &e), 0);
	assert_int_equal(keys_past(last).n, 0);
	assert_int_equal(keys_rotate(p->dir, names, 2, false, &e), 0);
	OWN(mem_free) char *past = file_join(p->dir, "identity.past");
	OWN(buf_free) struct buf file = { 0 };
	assert_int_equal(file_read(past, 65536, &file, &e), 0);
	file.p[file.n - 1] ^= 1;
	assert_int_equal(file_write(past, buf_bytes(&file), 0600, &e), 0);
	keys_free(&last);
	assert_int_equal(keys_load(p->dir, &last, &e), -1);
	assert_int_equal(e.code, ERR_STATE_DAMAGED);
	assert_int_equal(unlink(past), 0);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(loads_what_was_made),
		EACH(files_are_private_and_marked),
		EACH(never_replaces_a_key),
		EACH(refuses_files_that_changed),
		EACH(refuses_keys_that_all_may_read),
		EACH(hands_over),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
