/* SPDX-License-Identifier: ISC */
/* test_config.c: the configuration file. */
#include "scratch_dir.h"

#include "base/file.h"
#include "server/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static void
default_text_loads_to_the_defaults(void **state)
{
	OWN(config_free) struct config a = { 0 }, b = { 0 };
	OWN(buf_free) struct buf text = { 0 }, again = { 0 };
	struct err e = { 0 };

	(void)state;
	config_defaults(&a);
	config_text(&a, &text);
	if (config_parse(buf_bytes(&text), "default", &b, &e) < 0)
		fail_msg("%s", e.msg);
	config_text(&b, &again);
	assert_string_equal(buf_text(&text), buf_text(&again));
	assert_string_equal(b.host, a.host);
	assert_int_equal(b.threads, 4);
	assert_int_equal(b.mature_hours, 72);
	assert_int_equal(b.idle_s, 30);
	assert_int_equal(b.invitations, CONFIG_INVITATIONS_REQUIRED);
	assert_string_equal(b.database, "sqlite:aumbryd.db");
}

static void
default_text_has_every_key(void **state)
{
	static const char *const keys[] = { "[server]", "host", "listen", "url",
		"user", "tls", "tls_cert", "tls_key", "proxy_cert", "threads",
		"trusted_proxy", "proxy_protocol", "log", "metrics_listen",
		"[storage]", "database", "blobs", "reserve", "[accounts]",
		"invitations", "default_quota", "[mail]", "smtp_url", "from",
		"[phone]", "text_url", "text_method", "text_body",
		"call_command", "[auth]", "saslauthd_socket", "[place]",
		"database", "[escrow]", "socket", "address", "dir", "user",
		"[limits]", "password_tries", "code_tries", "prompts_per_hour",
		"signups_per_hour", "messages_per_minute", "messages_per_day",
		"connections", "connections_per_address", "idle", "drain",
		"mature_hours", "recovery_wait", "closing_wait" };
	OWN(config_free) struct config c = { 0 };
	OWN(buf_free) struct buf text = { 0 };
	size_t assigned = 0;

	(void)state;
	config_defaults(&c);
	config_text(&c, &text);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		char line[80];
		(void)snprintf(line, sizeof line,
		    keys[i][0] == '[' ? "\n%s\n" : "\n%s = ", keys[i]);
		if (strstr(buf_text(&text), line) == NULL)
			fail_msg("%s is not there", keys[i]);
		assigned += keys[i][0] != '[';
	}
	for (const char *s = buf_text(&text); *s != '\0';
	     s += strcspn(s, "\n"), s += *s != '\0')
		if (*s != '#' && *s != '[' && *s != '\n')
			assigned--;
	assert_int_equal(assigned, 0); /* and no other key */
}

static void
reads_what_differs(void **state)
{
	static const char text[] = "; a comment\n[accounts]\r\n"
				   "invitations=open\r\n"
				   "default_quota = 1.5T ; for all\n"
				   "[server]\n  listen = [::1]:0\n"
				   "trusted_proxy = 2001:db8::1\n"
				   "[limits]\nidle = 1min\nmature_hours=0\n"
				   "messages_per_minute = 60000";
	OWN(config_free) struct config c = { 0 };
	struct err e = { 0 };

	(void)state;
	if (config_parse(bytes_str(text), "x", &c, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(c.invitations, CONFIG_INVITATIONS_OPEN);
	assert_true(c.default_quota_bytes == 1536ULL << 30);
	assert_string_equal(c.listen, "[::1]:0");
	assert_string_equal(c.trusted_proxy, "2001:db8::1");
	assert_int_equal(c.idle_s, 60);
	assert_int_equal(c.mature_hours, 0);
	assert_int_equal(c.messages_per_minute, 60000);
	assert_int_equal(c.messages_per_day, 5000);
	assert_int_equal(c.threads, 4);
}

static void
names_file_line_and_key_of_what_is_wrong(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "[server]\n\nthreads = many\n", "f:3: threads: " },
		{ "[server]\nthreads = 0\n", "f:2: threads: " },
		{ "[server]\nthreads = 65\n", "f:2: threads: " },
		{ "[server]\nthreads = 4\nthreads = 5\n", "f:3: threads: " },
		{ "[server]\ntreads = 4\n", "f:2: treads: " },
		{ "[limits]\nthreads = 4\n", "f:2: threads: " },
		{ "threads = 4\n", "f:1: threads: " },
		{ "[server]\nlisten = 8443\n", "f:2: listen: " },
		{ "[server]\nlisten =\n", "f:2: listen: " },
		{ "[server]\nlisten = 1.2.3.4:8443\n  more\n", "f:3: " },
		{ "[server]\nhost = Ana Server\n", "f:2: host: " },
		{ "[server]\nmetrics_listen = 0.0.0.0:1\n",
		    "f:2: metrics_listen: " },
		{ "[server]\nproxy_cert = 127.0.0.1:443\n",
		    "f: proxy_cert needs url" },
		{ "[server]\ntrusted_proxy = proxy.example\n",
		    "f:2: trusted_proxy: " },
		{ "[server]\ntls_cert = a.pem\n", "f:2: tls_cert: " },
		{ "[server]\ntls_cert = /a.pem\n", "f: tls_cert and" },
		{ "[server]\nnothing\n", "f:2: " },
		{ "[server\nhost = a\n", "f:1: " },
		{ "[accounts]\ninvitations = yes\n", "f:2: invitations: " },
		{ "[accounts]\ndefault_quota = big\n", "f:2: default_quota: " },
		{ "[limits]\nidle = soon\n", "f:2: idle: " },
		{ "[limits]\nmessages_per_minute = 0\n",
		    "f:2: messages_per_minute: " },
		{ "[limits]\nmessages_per_minute = 60001\n",
		    "f:2: messages_per_minute: " },
		{ "[limits]\nmessages_per_day = none\n",
		    "f:2: messages_per_day: " },
		{ "[storage]\nblobs = \n", "f:2: blobs: " },
		{ "[server]\nurl = \xff\n", "f:2: url: " },
		{ "[mail]\nfrom = a\xe2\x80\xae@b\n", "f:2: from: " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config c;
		struct err e = { 0 };
		assert_int_equal(
		    config_parse(bytes_str(cases[i].text), "f", &c, &e), -1);
		assert_int_equal(e.code, ERR_USAGE);
		if (strncmp(e.msg, cases[i].says, strlen(cases[i].says)) != 0)
			fail_msg("%s instead of %s", e.msg, cases[i].says);
		assert_null(c.host);
	}
}

static void
refuses_lines_that_would_be_cut(void **state)
{
	OWN(buf_free) struct buf text = { 0 };
	struct err e = { 0 };
	struct config c;

	(void)state;
	buf_put_str(&text, "[server]\n#");
	memset(buf_grow(&text, 300), ' ', 300);
	buf_put_str(&text, "threads = 9\n");
	assert_int_equal(config_parse(buf_bytes(&text), "f", &c, &e), -1);
	assert_string_equal(e.msg, "f:2: this line: it is too long");
	static const char nul[] = "[server]\nthreads = 9\0\n";
	assert_int_equal(
	    config_parse(bytes_of(nul, sizeof nul - 1), "f", &c, &e), -1);
	assert_string_equal(e.msg, "f:2: this line: it has a NUL byte");
}

static void
writes_back_what_was_set(void **state)
{
	static const char *const values[][3] = {
		{ "server", "host", "home.example" },
		{ "server", "listen", "[::]:443" },
		{ "server", "url", "https://home.example:443" },
		{ "phone", "call_command", "call #x=1;2" },
		{ "accounts", "default_quota", "1000" },
		{ "limits", "mature_hours", "0" },
		{ "storage", "blobs", "dir:/srv/a b" },
	};
	OWN(config_free) struct config a = { 0 }, b = { 0 };
	OWN(buf_free) struct buf text = { 0 };
	struct err e = { 0 };

	(void)state;
	config_defaults(&a);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		assert_int_equal(config_set(&a, values[i][0], values[i][1],
				     values[i][2], &e),
		    0);
	assert_int_equal(
	    config_set(&a, "phone", "call_command", "a\nb = c", &e), -1);
	assert_int_equal(
	    config_set(&a, "phone", "call_command", "a ;b", &e), -1);
	assert_int_equal(config_set(&a, "server", "nokey", "a", &e), -1);
	config_text(&a, &text);
	assert_int_equal(config_parse(buf_bytes(&text), "f", &b, &e), 0);
	assert_string_equal(b.host, "home.example");
	assert_string_equal(b.listen, "[::]:443");
	assert_string_equal(b.url, "https://home.example:443");
	assert_string_equal(b.call_command, "call #x=1;2");
	assert_string_equal(b.blobs, "dir:/srv/a b");
	assert_int_equal(b.default_quota_bytes, 1000);
	assert_int_equal(b.mature_hours, 0);
}

static void
reads_secrets_from_files(void **state)
{
	OWN(scratch_free) struct scratch dir = scratch_new();
	OWN(config_free) struct config c = { 0 };
	OWN(buf_free) struct buf text = { 0 };
	struct err e = { 0 };

	(void)state;
	OWN(mem_free) char *conf = file_join(dir.path, "aumbryd.conf");
	OWN(mem_free) char *secret = file_join(dir.path, "secret");
	buf_printf(&text, "[storage]\ndatabase = @%s\n", secret);
	assert_int_equal(file_write(conf, buf_bytes(&text), 0600, &e), 0);
	assert_int_equal(config_load(conf, &c, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(
	    file_write(secret, bytes_str("sqlite:x.db\n"), 0600, &e), 0);
	assert_int_equal(config_load(conf, &c, &e), 0);
	assert_string_equal(c.database, "sqlite:x.db");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_text_loads_to_the_defaults),
		cmocka_unit_test(default_text_has_every_key),
		cmocka_unit_test(reads_what_differs),
		cmocka_unit_test(names_file_line_and_key_of_what_is_wrong),
		cmocka_unit_test(refuses_lines_that_would_be_cut),
		cmocka_unit_test(writes_back_what_was_set),
		cmocka_unit_test(reads_secrets_from_files),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
