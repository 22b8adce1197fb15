/* SPDX-License-Identifier: ISC */
/* test_secretfile.c: secrets are seen, their neighbors are not. */
#include "files/secretfile.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
knows_secrets_by_their_path(void **state)
{
	static const struct {
		const char *path;
		bool secret;
	} rows[] = {
		{ "/home/u/.ssh/id_ed25519", true },
		{ ".ssh/id_rsa", true },
		{ "home/u/.ssh/id_ed25519.pub", false },
		{ "home/u/.ssh/known_hosts", false },
		{ "home/u/ssh/id_rsa", false },
		{ "home/u/.ssh/id_", false },
		{ "home/u/.gnupg/private-keys-v1.d/ABC.key", true },
		{ "home/u/.gnupg/pubring.kbx", false },
		{ "home/u/.gnupg/secring.gpg", true },
		{ "home/u/.gnupg/xsecring.gpg", false },
		{ "home/u/Documents/my.kdbx", true },
		{ "home/u/.kdbx", false },
		{ "home/u/my.kdbx.txt", false },
		{ "home/u/.password-store/mail/a.gpg", true },
		{ "home/u/.password-storeX/a", false },
		{ "home/u/.local/share/keyrings/login.keyring", true },
		{ "home/u/.local/share/kwalletd/kdewallet.kwl", true },
		{ "home/u/.mozilla/firefox/p/logins.json", true },
		{ "home/u/.mozilla/firefox/p/key4.db", true },
		{ "home/u/.mozilla/firefox/p/places.sqlite", false },
		{ "home/u/.config/chromium/Default/Login Data", true },
		{ "root/.local/share/aumbry/device-profile/crontab", true },
		{ "home/ana/crontab", false },
		{ "etc/apt/auth.conf.d/private.conf", true },
		{ "var/spool/cron/crontabs/ana", true },
		{ "etc/NetworkManager/system-connections/Home.nmconnection",
		    true },
		{ "etc/NetworkManager/NetworkManager.conf", false },
		{ "home/u/.netrc", true },
		{ "home/u/.aws/credentials", true },
		{ "home/u/.aws/config", false },
		{ "home/u/credentials", false },
		{ "home/u/.config/gcloud/credentials.db", true },
		{ "home/u/.kube/config", true },
		{ "home/u/x.kube/config", false },
		{ "home/u/.docker/config.json", true },
		{ "home/u/.config/rclone/rclone.conf", true },
		{ "home/u/.google_authenticator", true },
		{ "home/u/notes.txt", false },
		{ "", false },
		{ "/", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (secretfile_by_path(bytes_str(rows[i].path), NULL) !=
		    rows[i].secret)
			fail_msg("%s", rows[i].path);
}

static void
own_patterns_win_over_the_list(void **state)
{
	OWN(exclude_free) struct exclude *extra = exclude_new();
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
	    exclude_add_lines(extra, bytes_str("*.diary\n!shared.kdbx"), &e),
	    0);
	assert_true(secretfile_by_path(bytes_str("/h/a.diary"), extra));
	assert_false(secretfile_by_path(bytes_str("/h/shared.kdbx"), extra));
	assert_true(secretfile_by_path(bytes_str("/h/other.kdbx"), extra));
	assert_false(secretfile_by_path(bytes_str("/h/a.txt"), extra));
}

static void
knows_secrets_by_their_content(void **state)
{
	static const struct {
		const char *text;
		bool secret;
	} rows[] = {
		{ "-----BEGIN PRIVATE KEY-----\nMII", true },
		{ "-----BEGIN RSA PRIVATE KEY-----\n", true },
		{ "-----BEGIN OPENSSH PRIVATE KEY-----\n", true },
		{ "-----BEGIN ENCRYPTED PRIVATE KEY-----\n", true },
		{ "cert\nx\n-----BEGIN EC PRIVATE KEY-----\n", true },
		{ "-----BEGIN PGP PRIVATE KEY BLOCK-----\n", true },
		{ "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n", true },
		{ "the PRIVATE KEY----- of\n"
		  "-----BEGIN EC PRIVATE KEY-----\n",
		    true },
		{ "-----BEGIN PUBLIC KEY-----\n", false },
		{ "-----BEGIN CERTIFICATE-----\n", false },
		{ "-----END PRIVATE KEY-----\n", false },
		{ "-----BEGIN \nPRIVATE KEY-----\n", false },
		{ "A PRIVATE KEY is a secret.", false },
		{ "PRIVATE KEY-----", false },
		{ "BEGIN PRIVATE KEY-----", false },
		{ "# made today\nAGE-SECRET-KEY-1QQ", true },
		{ "PuTTY-User-Key-File-3: ssh-ed25519\n", true },
		{ "aumbry-secret-file v1\ndevice", true },
		{ "\naumbry-secret-file v1\n", false },
		{ "aumbry-secret-file v2\n", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bytes x = bytes_str(rows[i].text);
		if (secretfile_by_content(x, x.n) != rows[i].secret)
			fail_msg("%s", rows[i].text);
	}
}

static void
only_small_files_are_searched(void **state)
{
	struct bytes key = bytes_str("-----BEGIN PRIVATE KEY-----\n");
	struct bytes own = bytes_str(SECRETFILE_MAGIC "x");
	struct bytes page = bytes_str(SECRETFILE_PAGE "x");

	(void)state;
	assert_true(secretfile_by_content(key, SECRETFILE_WHOLE - 1));
	assert_false(secretfile_by_content(key, SECRETFILE_WHOLE));
	assert_true(secretfile_by_content(own, (uint64_t)1 << 40));
	assert_true(secretfile_by_content(page, (uint64_t)1 << 40));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_secrets_by_their_path),
		cmocka_unit_test(own_patterns_win_over_the_list),
		cmocka_unit_test(knows_secrets_by_their_content),
		cmocka_unit_test(only_small_files_are_searched),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
