/* SPDX-License-Identifier: ISC */
/* table.c: the one table of routes; docs/PROTOCOL.md says what each does. */
#include "api/api.h"

#include "api/page.h"
#include "factor/lost.h"
#include "factor/factor.h"
#include "factor/phone.h"
#include "factor/seckeys.h"
#include "factor/totp.h"

#define SMALL LIMIT_JSON_BYTES

/* clang-format off */
/* What a row does: a JSON call that reads or writes; the same, and then what
 * another program is asked; one that a handler of its own runs; a talk that is
 * relayed; what is no JSON call. */
#define CALL(...) .call = &(const struct server_call){ __VA_ARGS__ }
#define READ(fn) READ_THEN(fn, NULL)
#define WRITE(fn) WRITE_THEN(fn, NULL)
#define READ_THEN(fn, then) .handle = server_json, CALL(SERVER_READ, fn, then)
#define WRITE_THEN(fn, then) .handle = server_json, CALL(SERVER_WRITE, fn, then)
#define WRITE_BY(by, fn) .handle = (by), CALL(SERVER_WRITE, fn, NULL)
#define RELAY(by, fn) .handle = (by), .call = &(const struct message_relay){ fn }
#define HTTP(fn) .handle = fn
#define SINK(body) .sink = (body)

const struct http_route api_routes[] = {
	{ "GET", "/", WHO_ANYBODY, 0, HTTP(page_get) },
	{ "GET", "/app.css", WHO_ANYBODY, 0, HTTP(page_get) },
	{ "GET", "/app.js", WHO_ANYBODY, 0, HTTP(page_get) },
	{ "GET", "/early.js", WHO_ANYBODY, 0, HTTP(page_get) },
	{ "GET", "/worker.js", WHO_ANYBODY, 0, HTTP(page_get) },
	{ "GET", "/core.wasm", WHO_ANYBODY, 0, HTTP(page_get) },
	{ "GET", "/icon.svg", WHO_ANYBODY, 0, HTTP(page_get) },
	{ "GET", "/v1/server", WHO_ANYBODY, 0, READ(signup_info) },
	{ "GET", "/v1/identity", WHO_ANYBODY, 0, HTTP(identity_get) },
	{ "POST", "/v1/signup/start", WHO_NEW, SMALL, WRITE_THEN(signup_start, signup_start_then) },
	{ "POST", "/v1/signup/finish", WHO_NEW, SMALL, WRITE(signup_finish) },
	{ "POST", "/v1/session/challenge", WHO_ANYBODY, SMALL, READ(sessions_challenge) },
	{ "POST", "/v1/session", WHO_ANYBODY, SMALL, WRITE_BY(sessions_proven, sessions_open) },
	{ "POST", "/v1/session/left", WHO_ANYBODY, SMALL, READ(sessions_left) },
	{ "DELETE", "/v1/session", WHO_ACCOUNT, 0, WRITE(sessions_end) },
	{ "GET", "/v1/sessions", WHO_ACCOUNT, 0, READ(sessions_list) },
	{ "DELETE", "/v1/sessions/{}", WHO_ACCOUNT, 0, WRITE(sessions_end_one) },
	{ "POST", "/v1/signin/start", WHO_ANYBODY, SMALL, WRITE(signin_start) },
	{ "POST", "/v1/signin/finish", WHO_ANYBODY, SMALL, WRITE(signin_finish) },
	{ "GET", "/v1/joins", WHO_SESSION, 0, HTTP(joins_list) },
	{ "POST", "/v1/joins/{}/allow", WHO_SESSION, SMALL, WRITE(joins_allow) },
	{ "POST", "/v1/joins/{}/refuse", WHO_SESSION, SMALL, WRITE(joins_refuse) },
	{ "POST", "/v1/joins/allow-again", WHO_SESSION, SMALL, WRITE(joins_allow_again) },
	{ "POST", "/v1/joins/{}/fail", WHO_SESSION, SMALL, WRITE(joins_fail) },
	{ "POST", "/v1/joins/{}/prompt", WHO_JOIN, SMALL, WRITE(joins_prompt) },
	{ "DELETE", "/v1/joins/{}", WHO_BOTH, 0, WRITE(joins_cancel) },
	{ "POST", "/v1/joins/{}/messages", WHO_BOTH, MESSAGE_BYTES, RELAY(message_post, joins_talk) },
	{ "GET", "/v1/joins/{}/messages", WHO_BOTH, 0, RELAY(message_list, joins_talk) },
	{ "GET", "/v1/circle", WHO_CIRCLE, 0, HTTP(entries_list) },
	{ "POST", "/v1/circle", WHO_SESSION, SMALL, HTTP(entries_submit) },
	{ "GET", "/v1/keyring", WHO_SESSION, 0, HTTP(envelopes_list) },
	{ "POST", "/v1/keyring", WHO_SESSION, SMALL, WRITE(envelopes_fill) },
	{ "GET", "/v1/account", WHO_ACCOUNT, 0, READ(status_account) },
	{ "POST", "/v1/account/close", WHO_SETTLED, SMALL, WRITE(closings_begin) },
	{ "DELETE", "/v1/account/close", WHO_ACCOUNT, 0, WRITE(closings_stop) },
	{ "GET", "/v1/log", WHO_ACCOUNT, 0, READ(status_log) },
	{ "POST", "/v1/step-up/start", WHO_SESSION, SMALL, WRITE(signin_step_start) },
	{ "POST", "/v1/step-up/finish", WHO_SESSION, SMALL, WRITE(signin_step_finish) },
	{ "POST", "/v1/password/start", WHO_SETTLED, SMALL, READ(signin_password_start) },
	{ "POST", "/v1/password/finish", WHO_SETTLED, SMALL, WRITE(signin_password_finish) },
	{ "POST", "/v1/factors/send", WHO_BOTH, SMALL, WRITE_BY(phone_sending, phone_send) },
	{ "POST", "/v1/factors/prove", WHO_BOTH, SMALL, WRITE(factor_prove) },
	{ "POST", "/v1/authenticator", WHO_SETTLED, SMALL, WRITE(totp_add) },
	{ "DELETE", "/v1/authenticator", WHO_SETTLED, 0, WRITE(totp_remove) },
	{ "POST", "/v1/authenticator/confirm", WHO_SESSION, SMALL, WRITE(totp_confirm) },
	{ "POST", "/v1/factors/key", WHO_BOTH, SMALL, WRITE(seckeys_ask) },
	{ "GET", "/v1/security-keys", WHO_ACCOUNT, 0, READ(seckeys_list) },
	{ "POST", "/v1/security-keys/start", WHO_SETTLED, SMALL, WRITE(seckeys_start) },
	{ "POST", "/v1/security-keys", WHO_SETTLED, SMALL, WRITE(seckeys_finish) },
	{ "POST", "/v1/security-keys/remove", WHO_SETTLED, SMALL, WRITE(seckeys_remove) },
	{ "POST", "/v1/factors/lost", WHO_SESSION | WHO_OLD, SMALL, WRITE(lost_begin) },
	{ "DELETE", "/v1/factors/lost", WHO_SESSION, 0, WRITE(lost_stop) },
	{ "POST", "/v1/two-factor", WHO_SETTLED, SMALL, WRITE(twofactor_set) },
	{ "GET", "/v1/phones", WHO_ACCOUNT, 0, READ(phone_list) },
	{ "POST", "/v1/phones", WHO_SETTLED, SMALL, WRITE_BY(phone_sending, phone_add) },
	{ "POST", "/v1/phones/confirm", WHO_SESSION, SMALL, WRITE(phone_confirm) },
	{ "POST", "/v1/phones/remove", WHO_SETTLED, SMALL, WRITE(phone_remove) },
	{ "GET", "/v1/mail", WHO_ACCOUNT, 0, READ(mail_list) },
	{ "POST", "/v1/mail", WHO_STEP_UP, SMALL, WRITE(mail_add) },
	{ "POST", "/v1/mail/confirm", WHO_SESSION, SMALL, WRITE(mail_confirm) },
	{ "POST", "/v1/mail/remove", WHO_SETTLED, SMALL, WRITE(mail_remove) },
	{ "GET", "/v1/app-passwords", WHO_ACCOUNT, 0, READ(apppass_list) },
	{ "POST", "/v1/app-passwords", WHO_STEP_UP, SMALL, WRITE(apppass_create) },
	{ "DELETE", "/v1/app-passwords", WHO_ACCOUNT, 0, WRITE(apppass_revoke_all) },
	{ "DELETE", "/v1/app-passwords/{}", WHO_ACCOUNT, 0, WRITE(apppass_revoke) },
	{ "POST", "/v1/backups/state", WHO_SESSION, SMALL, WRITE(backups_state) },
	{ "POST", "/v1/pins", WHO_SESSION, SMALL, WRITE(freshpins_set) },
	{ "GET", "/v1/protection", WHO_ACCOUNT, 0, READ(protections_show) },
	{ "POST", "/v1/protection/escrow", WHO_STEP_UP, SMALL, WRITE_THEN(protections_escrow, protections_escrow_then) },
	{ "POST", "/v1/protection/release-key", WHO_SETTLED, SMALL, WRITE(protections_release_key) },
	{ "POST", "/v1/release/nonce", WHO_ACCOUNT, SMALL, READ_THEN(releases_nonce, releases_nonce_then) },
	{ "POST", "/v1/release", WHO_ACCOUNT, SMALL, WRITE_THEN(releases_keys, releases_keys_then) },
	{ "GET", "/v1/visits", WHO_SESSION, 0, READ(visits_list) },
	{ "POST", "/v1/visits", WHO_ACCOUNT, SMALL, WRITE(visits_ask) },
	{ "POST", "/v1/visits/{}/allow", WHO_SESSION, SMALL, WRITE(visits_allow) },
	{ "POST", "/v1/visits/{}/refuse", WHO_SESSION, SMALL, WRITE(visits_refuse) },
	{ "POST", "/v1/visits/{}/done", WHO_SESSION, SMALL, WRITE(visits_done) },
	{ "DELETE", "/v1/visits/{}", WHO_ACCOUNT, 0, WRITE(visits_cancel) },
	{ "POST", "/v1/visits/{}/messages", WHO_ACCOUNT, MESSAGE_BYTES, RELAY(message_post, visits_talk) },
	{ "GET", "/v1/visits/{}/messages", WHO_ACCOUNT, 0, RELAY(message_list, visits_talk) },
	{ "GET", "/v1/escrow/journal", WHO_ACCOUNT, 0, READ_THEN(releases_journal, releases_journal_then) },
	{ "GET", "/v1/recovery", WHO_ACCOUNT, 0, READ(recoverykeys_list) },
	{ "POST", "/v1/recovery", WHO_STEP_UP, SMALL, WRITE(recoverykeys_stage) },
	{ "GET", "/v1/recovery/{}/half", WHO_STEP_UP, 0, READ(recoverykeys_half) },
	{ "POST", "/v1/recovery/{}/stop", WHO_ACCOUNT, SMALL, WRITE(recoveries_stop) },
	{ "POST", "/v1/recovery/{}/allow", WHO_SETTLED, SMALL, WRITE(recoveries_allow) },
	{ "POST", "/v1/recover", WHO_ANYBODY, SMALL, WRITE(recoveries_begin) },
	{ "GET", "/v1/recover", WHO_RECOVER, 0, READ(recoveries_look) },
	{ "DELETE", "/v1/recover", WHO_RECOVER, 0, WRITE(recoveries_cancel) },
	{ "GET", "/v1/recover/keyring", WHO_RECOVER, 0, READ(recoveries_keyring) },
	{ "POST", "/v1/recover/prove", WHO_RECOVER, SMALL, WRITE(recoveries_prove) },
	{ "POST", "/v1/recover/{}/messages", WHO_HELP, MESSAGE_BYTES, RELAY(message_post, assist_talk) },
	{ "GET", "/v1/recover/{}/messages", WHO_HELP, 0, RELAY(message_list, assist_talk) },
	{ "POST", "/v1/assist", WHO_SESSION, SMALL, WRITE(assist_list) },
	{ "POST", "/v1/assist/{}", WHO_SESSION, SMALL, WRITE(assist_begin) },
	{ "DELETE", "/v1/assist/{}", WHO_SESSION, 0, WRITE(assist_end) },
	{ "POST", "/v1/recover/password", WHO_RECOVER, SMALL, READ(recoveries_password) },
	{ "POST", "/v1/recover/collect", WHO_RECOVER, SMALL, WRITE_THEN(releases_collect, releases_collect_then) },
	{ "POST", "/v1/recover/finish", WHO_RECOVER, SMALL, WRITE(recoveries_finish) },
	{ "POST", "/v1/people/find", WHO_SESSION, SMALL, WRITE(people_find) },
	{ "GET", "/v1/people/settings", WHO_SESSION, 0, READ(people_settings) },
	{ "POST", "/v1/people/settings", WHO_SESSION, SMALL, WRITE(people_set) },
	{ "POST", "/v1/people/heads", WHO_SESSION, SMALL, READ(people_heads) },
	{ "GET", "/v1/people/{}/circle", WHO_SESSION, 0, HTTP(people_circle) },
	{ "POST", "/v1/people/cards", WHO_SESSION, SMALL, READ(inbox_cards) },
	{ "POST", "/v1/inbox", WHO_STORES, SMALL, WRITE(inbox_post) },
	{ "GET", "/v1/inbox", WHO_SESSION, 0, HTTP(inbox_list) },
	{ "POST", "/v1/inbox/peers", WHO_SESSION, SMALL, WRITE(inbox_peers) },
	{ "POST", "/v1/verify", WHO_SESSION, SMALL, WRITE(verify_ask) },
	{ "GET", "/v1/verify", WHO_SESSION, 0, HTTP(verify_list) },
	{ "POST", "/v1/verify/{}/allow", WHO_SESSION, SMALL, WRITE(verify_allow) },
	{ "POST", "/v1/verify/{}/refuse", WHO_SESSION, SMALL, WRITE(verify_refuse) },
	{ "DELETE", "/v1/verify/{}", WHO_SESSION, 0, WRITE(verify_end) },
	{ "POST", "/v1/verify/{}/messages", WHO_SESSION, MESSAGE_BYTES, RELAY(message_post, verify_talk) },
	{ "GET", "/v1/verify/{}/messages", WHO_SESSION, 0, RELAY(message_list, verify_talk) },
	{ "GET", "/v1/zones", WHO_READS, 0, HTTP(zones_list) },
	{ "POST", "/v1/wait", WHO_READS, SMALL, HTTP(wait_for_news) },
	{ "POST", "/v1/zones/{}/commits", WHO_SESSION, LIMIT_COMMIT_BYTES, HTTP(zones_commit) },
	{ "GET", "/v1/zones/{}/changes", WHO_READS, 0, HTTP(zones_changes) },
	{ "POST", "/v1/zones/{}/records", WHO_READS, LIMIT_RECORD_IDS * ID_BYTES, HTTP(zones_records) },
	{ "PUT", "/v1/zones/{}/blobs/{}", WHO_STORES, LIMIT_BLOB_BYTES, SINK(&zones_blob_put) },
	{ "GET", "/v1/zones/{}/blobs/{}", WHO_READS, 0, HTTP(zones_blob_get) },
	{ "DELETE", "/v1/zones/{}/blobs/{}", WHO_SESSION, 0, HTTP(zones_blob_delete) },
	{ "POST", "/v1/zones/{}/blobs/exists", WHO_SESSION, LIMIT_EXISTS_IDS * ID_BYTES, HTTP(zones_blob_exists) },
};
/* clang-format on */

const size_t api_n_routes = ARRAY_SIZE(api_routes);
