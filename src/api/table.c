/* SPDX-License-Identifier: ISC */
/* table.c: the one table of routes; docs/PROTOCOL.md says what each does. */
#include "api/api.h"

#include "api/page.h"
#include "factor/factor.h"
#include "factor/phone.h"
#include "factor/seckey.h"
#include "factor/totp.h"

#define SMALL LIMIT_JSON_BYTES
#define MESSAGE (8 * 1024)

/* clang-format off */
const struct http_route api_routes[] = {
	{ "GET", "/", WHO_ANYBODY, 0, page_root, NULL },
	{ "GET", "/app.css", WHO_ANYBODY, 0, page_style, NULL },
	{ "GET", "/app.js", WHO_ANYBODY, 0, page_script, NULL },
	{ "GET", "/worker.js", WHO_ANYBODY, 0, page_worker, NULL },
	{ "GET", "/core.wasm", WHO_ANYBODY, 0, page_core, NULL },
	{ "GET", "/icon.svg", WHO_ANYBODY, 0, page_icon, NULL },
	{ "GET", "/v1/server", WHO_ANYBODY, 0, signup_info, NULL },
	{ "POST", "/v1/signup/start", WHO_ANYBODY, SMALL, signup_start, NULL },
	{ "POST", "/v1/signup/finish", WHO_ANYBODY, SMALL, signup_finish, NULL },
	{ "POST", "/v1/session/challenge", WHO_ANYBODY, SMALL, session_challenge, NULL },
	{ "POST", "/v1/session", WHO_ANYBODY, SMALL, session_open, NULL },
	{ "DELETE", "/v1/session", WHO_ACCOUNT, 0, session_end, NULL },
	{ "GET", "/v1/sessions", WHO_ACCOUNT, 0, session_list, NULL },
	{ "DELETE", "/v1/sessions/{}", WHO_ACCOUNT, 0, session_end_one, NULL },
	{ "POST", "/v1/signin/start", WHO_ANYBODY, SMALL, signin_start, NULL },
	{ "POST", "/v1/signin/finish", WHO_ANYBODY, SMALL, signin_finish, NULL },
	{ "GET", "/v1/joins", WHO_SESSION, 0, join_list, NULL },
	{ "POST", "/v1/joins/{}/allow", WHO_SESSION, SMALL, join_allow, NULL },
	{ "POST", "/v1/joins/{}/refuse", WHO_SESSION, SMALL, join_refuse, NULL },
	{ "POST", "/v1/joins/{}/fail", WHO_SESSION, SMALL, join_fail, NULL },
	{ "POST", "/v1/joins/{}/prompt", WHO_JOIN, SMALL, join_prompt, NULL },
	{ "DELETE", "/v1/joins/{}", WHO_BOTH, 0, join_cancel, NULL },
	{ "POST", "/v1/joins/{}/messages", WHO_BOTH, MESSAGE, join_post, NULL },
	{ "GET", "/v1/joins/{}/messages", WHO_BOTH, 0, join_messages, NULL },
	{ "GET", "/v1/circle", WHO_CIRCLE, 0, ring_list, NULL },
	{ "POST", "/v1/circle", WHO_SESSION, SMALL, ring_submit, NULL },
	{ "GET", "/v1/keyring", WHO_SESSION, 0, ring_keyring, NULL },
	{ "GET", "/v1/account", WHO_ACCOUNT, 0, status_account, NULL },
	{ "GET", "/v1/log", WHO_ACCOUNT, 0, status_log, NULL },
	{ "POST", "/v1/step-up/start", WHO_SESSION, SMALL, signin_step_start, NULL },
	{ "POST", "/v1/step-up/finish", WHO_SESSION, SMALL, signin_step_finish, NULL },
	{ "POST", "/v1/password/start", WHO_STEP_UP, SMALL, signin_password_start, NULL },
	{ "POST", "/v1/password/finish", WHO_STEP_UP, SMALL, signin_password_finish, NULL },
	{ "POST", "/v1/factors/send", WHO_BOTH, SMALL, phone_send, NULL },
	{ "POST", "/v1/factors/prove", WHO_BOTH, SMALL, factor_prove, NULL },
	{ "POST", "/v1/authenticator", WHO_STEP_UP, SMALL, totp_add, NULL },
	{ "DELETE", "/v1/authenticator", WHO_STEP_UP, 0, totp_remove, NULL },
	{ "POST", "/v1/authenticator/confirm", WHO_SESSION, SMALL, totp_confirm, NULL },
	{ "POST", "/v1/factors/key", WHO_BOTH, SMALL, seckey_ask, NULL },
	{ "GET", "/v1/security-keys", WHO_ACCOUNT, 0, seckey_list, NULL },
	{ "POST", "/v1/security-keys/start", WHO_STEP_UP, SMALL, seckey_start, NULL },
	{ "POST", "/v1/security-keys", WHO_STEP_UP, SMALL, seckey_finish, NULL },
	{ "POST", "/v1/security-keys/remove", WHO_STEP_UP, SMALL, seckey_remove, NULL },
	{ "POST", "/v1/two-factor", WHO_STEP_UP, SMALL, twofactor_set, NULL },
	{ "GET", "/v1/phones", WHO_ACCOUNT, 0, phone_list, NULL },
	{ "POST", "/v1/phones", WHO_STEP_UP, SMALL, phone_add, NULL },
	{ "POST", "/v1/phones/confirm", WHO_SESSION, SMALL, phone_confirm, NULL },
	{ "POST", "/v1/phones/remove", WHO_STEP_UP, SMALL, phone_remove, NULL },
	{ "GET", "/v1/mail", WHO_ACCOUNT, 0, mail_list, NULL },
	{ "POST", "/v1/mail", WHO_STEP_UP, SMALL, mail_add, NULL },
	{ "POST", "/v1/mail/confirm", WHO_SESSION, SMALL, mail_confirm, NULL },
	{ "POST", "/v1/mail/remove", WHO_STEP_UP, SMALL, mail_remove, NULL },
	{ "GET", "/v1/app-passwords", WHO_ACCOUNT, 0, apppass_list, NULL },
	{ "POST", "/v1/app-passwords", WHO_STEP_UP, SMALL, apppass_create, NULL },
	{ "DELETE", "/v1/app-passwords", WHO_ACCOUNT, 0, apppass_revoke_all, NULL },
	{ "DELETE", "/v1/app-passwords/{}", WHO_ACCOUNT, 0, apppass_revoke, NULL },
	{ "GET", "/v1/protection", WHO_ACCOUNT, 0, protect_show, NULL },
	{ "POST", "/v1/protection/escrow", WHO_STEP_UP, SMALL, protect_escrow, NULL },
	{ "POST", "/v1/protection/release-key", WHO_STEP_UP, SMALL, protect_release_key, NULL },
	{ "POST", "/v1/release/nonce", WHO_ACCOUNT, SMALL, release_nonce, NULL },
	{ "POST", "/v1/release", WHO_ACCOUNT, SMALL, release_keys, NULL },
	{ "GET", "/v1/escrow/journal", WHO_ACCOUNT, 0, release_journal, NULL },
	{ "GET", "/v1/recovery", WHO_ACCOUNT, 0, recovery_list, NULL },
	{ "POST", "/v1/recovery", WHO_STEP_UP, SMALL, recovery_stage, NULL },
	{ "POST", "/v1/recovery/{}/stop", WHO_SESSION, SMALL, recovery_stop, NULL },
	{ "POST", "/v1/recovery/{}/allow", WHO_STEP_UP, SMALL, recovery_allow, NULL },
	{ "POST", "/v1/recover", WHO_ANYBODY, SMALL, recover_begin, NULL },
	{ "GET", "/v1/recover", WHO_RECOVER, 0, recover_look, NULL },
	{ "DELETE", "/v1/recover", WHO_RECOVER, 0, recover_cancel, NULL },
	{ "GET", "/v1/recover/keyring", WHO_RECOVER, 0, recover_keyring, NULL },
	{ "POST", "/v1/recover/password", WHO_RECOVER, SMALL, recover_password, NULL },
	{ "POST", "/v1/recover/collect", WHO_RECOVER, SMALL, recover_collect, NULL },
	{ "POST", "/v1/recover/finish", WHO_RECOVER, SMALL, recover_finish, NULL },
	{ "GET", "/v1/zones", WHO_READS, 0, zones_list, NULL },
	{ "POST", "/v1/zones/{}/commits", WHO_SESSION, LIMIT_COMMIT_BYTES, zones_commit, NULL },
	{ "GET", "/v1/zones/{}/changes", WHO_READS, 0, zones_changes, NULL },
	{ "PUT", "/v1/zones/{}/blobs/{}", WHO_SESSION, LIMIT_BLOB_BYTES, NULL, &zones_blob_put },
	{ "GET", "/v1/zones/{}/blobs/{}", WHO_READS, 0, zones_blob_get, NULL },
	{ "DELETE", "/v1/zones/{}/blobs/{}", WHO_SESSION, 0, zones_blob_delete, NULL },
	{ "POST", "/v1/zones/{}/blobs/exists", WHO_SESSION, LIMIT_EXISTS_IDS * ID_BYTES, zones_blob_exists, NULL },
};
/* clang-format on */

const size_t api_n_routes = ARRAY_SIZE(api_routes);
