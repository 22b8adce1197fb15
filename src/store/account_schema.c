/* SPDX-License-Identifier: ISC */
/* account_schema.c: the tables of accounts, and of all calls about them. */
#include "store/account.h"

#include "store/circles.h"

static const char *const schema[] = {
	"CREATE TABLE account (uid BLOB PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
	" created_ms INTEGER NOT NULL, suspended INTEGER NOT NULL,"
	" two_factor INTEGER NOT NULL, record BLOB NOT NULL,"
	" birth_pin BLOB NOT NULL);"
	"CREATE TABLE circle_entry (uid BLOB NOT NULL, seq INTEGER NOT NULL,"
	" bytes BLOB NOT NULL, PRIMARY KEY (uid, seq));"
	"CREATE TABLE envelope (uid BLOB NOT NULL, epoch INTEGER NOT NULL,"
	" purpose INTEGER NOT NULL, category INTEGER NOT NULL,"
	" receiver BLOB NOT NULL, bytes BLOB NOT NULL,"
	" PRIMARY KEY (uid, epoch, purpose, category, receiver));"
	"CREATE TABLE session (token BLOB PRIMARY KEY, uid BLOB NOT NULL,"
	" dev_id BLOB NOT NULL, nonce BLOB NOT NULL UNIQUE,"
	" expires_ms INTEGER NOT NULL, step_up_ms INTEGER NOT NULL);"
	"CREATE INDEX session_uid ON session (uid, dev_id);"
	"CREATE TABLE login (id BLOB PRIMARY KEY, uid BLOB NOT NULL,"
	" known INTEGER NOT NULL, state BLOB NOT NULL,"
	" done INTEGER NOT NULL, expires_ms INTEGER NOT NULL);"
	"CREATE TABLE invite (code BLOB PRIMARY KEY, uses INTEGER NOT NULL,"
	" expires_ms INTEGER NOT NULL);"
	"CREATE TABLE joining (id BLOB PRIMARY KEY, uid BLOB NOT NULL,"
	" token BLOB NOT NULL UNIQUE, created_ms INTEGER NOT NULL,"
	" expires_ms INTEGER NOT NULL, device BLOB NOT NULL,"
	" nonce BLOB NOT NULL, os TEXT NOT NULL, address TEXT NOT NULL,"
	" state INTEGER NOT NULL, by_device BLOB NOT NULL);"
	"CREATE INDEX joining_uid ON joining (uid);"
	"CREATE TABLE joining_message (joining BLOB NOT NULL,"
	" n INTEGER NOT NULL, side INTEGER NOT NULL, body BLOB NOT NULL,"
	" PRIMARY KEY (joining, n));"
	"CREATE TABLE factor (uid BLOB NOT NULL, kind TEXT NOT NULL,"
	" secret BLOB NOT NULL, confirmed INTEGER NOT NULL,"
	" counter INTEGER NOT NULL, PRIMARY KEY (uid, kind));"
	"CREATE TABLE throttle (name TEXT PRIMARY KEY,"
	" tries INTEGER NOT NULL, since_ms INTEGER NOT NULL);"
	"CREATE TABLE event (uid BLOB NOT NULL, n INTEGER NOT NULL,"
	" time_ms INTEGER NOT NULL, event TEXT NOT NULL,"
	" dev_id BLOB NOT NULL, address TEXT NOT NULL, detail TEXT NOT NULL,"
	" PRIMARY KEY (uid, n));"
	"CREATE TABLE device_seen (uid BLOB NOT NULL, dev_id BLOB NOT NULL,"
	" time_ms INTEGER NOT NULL, address TEXT NOT NULL,"
	" PRIMARY KEY (uid, dev_id));",
	"CREATE TABLE app_password (uid BLOB NOT NULL, mac BLOB NOT NULL,"
	" id BLOB NOT NULL, label TEXT NOT NULL, scope TEXT NOT NULL,"
	" created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,"
	" used_ms INTEGER NOT NULL, used_from TEXT NOT NULL,"
	" PRIMARY KEY (uid, mac)) WITHOUT ROWID;",
	"CREATE TABLE mail_address (uid BLOB NOT NULL, address TEXT NOT NULL,"
	" confirmed INTEGER NOT NULL, code BLOB NOT NULL,"
	" code_until_ms INTEGER NOT NULL, PRIMARY KEY (uid, address));"
	"CREATE TABLE outbox (n INTEGER PRIMARY KEY, uid BLOB NOT NULL,"
	" address TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL,"
	" made_ms INTEGER NOT NULL, tries INTEGER NOT NULL,"
	" next_ms INTEGER NOT NULL);"
	"CREATE TABLE visit (id BLOB PRIMARY KEY, uid BLOB NOT NULL,"
	" session BLOB NOT NULL, nonce BLOB NOT NULL,"
	" categories INTEGER NOT NULL, address TEXT NOT NULL,"
	" created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,"
	" state INTEGER NOT NULL, by_device BLOB NOT NULL);"
	"CREATE INDEX visit_uid ON visit (uid);"
	"CREATE INDEX outbox_next ON outbox (next_ms);"
	"CREATE INDEX outbox_uid ON outbox (uid);",
	"DROP TABLE session;"
	"CREATE TABLE session (token BLOB PRIMARY KEY, id BLOB NOT NULL,"
	" uid BLOB NOT NULL, dev_id BLOB NOT NULL, nonce BLOB NOT NULL UNIQUE,"
	" class INTEGER NOT NULL, limited INTEGER NOT NULL,"
	" opened_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,"
	" password_ms INTEGER NOT NULL, step_up_ms INTEGER NOT NULL,"
	" os TEXT NOT NULL, address TEXT NOT NULL);"
	"CREATE INDEX session_uid ON session (uid, dev_id);"
	"CREATE TABLE trusted_browser (token BLOB PRIMARY KEY,"
	" id BLOB NOT NULL, uid BLOB NOT NULL, opened_ms INTEGER NOT NULL,"
	" seen_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,"
	" os TEXT NOT NULL, address TEXT NOT NULL);"
	"CREATE INDEX trusted_browser_uid ON trusted_browser (uid);"
	"ALTER TABLE joining ADD COLUMN shown INTEGER NOT NULL DEFAULT 1;",
	"ALTER TABLE joining ADD COLUMN machine BLOB NOT NULL DEFAULT '';",
	"CREATE TABLE security_key (uid BLOB NOT NULL, id BLOB NOT NULL,"
	" credential BLOB NOT NULL, name TEXT NOT NULL, alg INTEGER NOT NULL,"
	" key BLOB NOT NULL, counter INTEGER NOT NULL,"
	" added_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL,"
	" blocked INTEGER NOT NULL, member BLOB NOT NULL,"
	" birth_pin BLOB NOT NULL, PRIMARY KEY (uid, id));"
	"CREATE UNIQUE INDEX security_key_credential ON security_key"
	" (uid, credential);"
	"CREATE TABLE key_challenge (holder BLOB NOT NULL,"
	" kind INTEGER NOT NULL, challenge BLOB NOT NULL,"
	" expires_ms INTEGER NOT NULL, PRIMARY KEY (holder, kind));"
	"ALTER TABLE joining ADD COLUMN proven_key BLOB NOT NULL DEFAULT"
	" (x'');",
	"CREATE TABLE phone (uid BLOB NOT NULL, number TEXT NOT NULL,"
	" id BLOB NOT NULL, call INTEGER NOT NULL, confirmed INTEGER NOT NULL,"
	" added_ms INTEGER NOT NULL, code BLOB NOT NULL,"
	" code_call INTEGER NOT NULL, code_until_ms INTEGER NOT NULL,"
	" PRIMARY KEY (uid, number)) WITHOUT ROWID;",
	"CREATE TABLE recovery (uid BLOB NOT NULL, keyref BLOB NOT NULL,"
	" kind INTEGER NOT NULL, verifier BLOB NOT NULL, assist BLOB NOT NULL,"
	" half BLOB NOT NULL, birth_pin BLOB NOT NULL,"
	" created_ms INTEGER NOT NULL, PRIMARY KEY (uid, keyref));"
	"CREATE INDEX recovery_assist ON recovery (assist);"
	"CREATE TABLE recovering (id BLOB PRIMARY KEY,"
	" token BLOB NOT NULL UNIQUE, uid BLOB NOT NULL,"
	" known INTEGER NOT NULL, way TEXT NOT NULL, keyref BLOB NOT NULL,"
	" device BLOB NOT NULL, nonce BLOB NOT NULL, os TEXT NOT NULL,"
	" address TEXT NOT NULL, created_ms INTEGER NOT NULL,"
	" state INTEGER NOT NULL, ready_ms INTEGER NOT NULL,"
	" expires_ms INTEGER NOT NULL, helper BLOB NOT NULL,"
	" reference TEXT NOT NULL);"
	"CREATE INDEX recovering_uid ON recovering (uid);"
	"CREATE TABLE fresh_pin (uid BLOB NOT NULL, ref BLOB NOT NULL,"
	" pin BLOB NOT NULL, PRIMARY KEY (uid, ref));"
	"CREATE TABLE escrow_job (n INTEGER PRIMARY KEY, uid BLOB NOT NULL,"
	" verb INTEGER NOT NULL, body BLOB NOT NULL, tries INTEGER NOT NULL,"
	" next_ms INTEGER NOT NULL);"
	"ALTER TABLE session ADD COLUMN released INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE session ADD COLUMN way TEXT NOT NULL DEFAULT '';",
	"CREATE TABLE used_nonce (nonce BLOB PRIMARY KEY,"
	" expires_ms INTEGER NOT NULL);"
	"CREATE INDEX used_nonce_expires ON used_nonce (expires_ms);"
	"CREATE INDEX login_expires ON login (expires_ms);"
	"CREATE INDEX login_uid ON login (uid);"
	"CREATE INDEX event_kind ON event (uid, event, n);"
	"CREATE TABLE escrow_begun (uid BLOB PRIMARY KEY,"
	" expires_ms INTEGER NOT NULL);"
	"ALTER TABLE recovering ADD COLUMN source TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE joining ADD COLUMN asker TEXT NOT NULL DEFAULT '';",
	"CREATE TABLE answered (n INTEGER PRIMARY KEY, scope BLOB NOT NULL,"
	" name BLOB NOT NULL, about BLOB NOT NULL, answer BLOB NOT NULL,"
	" time_ms INTEGER NOT NULL, UNIQUE (scope, name));"
	"CREATE INDEX answered_scope ON answered (scope);"
	"CREATE INDEX answered_time ON answered (time_ms);",
	/* visit: once it was put into the third script, which others had run.
	 * The indexes are for the sweep. */
	"CREATE TABLE IF NOT EXISTS visit (id BLOB PRIMARY KEY,"
	" uid BLOB NOT NULL, session BLOB NOT NULL, nonce BLOB NOT NULL,"
	" categories INTEGER NOT NULL, address TEXT NOT NULL,"
	" created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,"
	" state INTEGER NOT NULL, by_device BLOB NOT NULL);"
	"CREATE INDEX IF NOT EXISTS visit_uid ON visit (uid);"
	"CREATE INDEX session_end ON session (expires_ms);"
	"CREATE INDEX key_challenge_end ON key_challenge (expires_ms);"
	"CREATE INDEX trusted_browser_end ON trusted_browser (expires_ms);"
	"CREATE INDEX invite_end ON invite (expires_ms);"
	"CREATE INDEX joining_end ON joining (expires_ms);"
	"CREATE INDEX recovering_end ON recovering (expires_ms);"
	"CREATE INDEX visit_end ON visit (expires_ms);"
	"CREATE INDEX throttle_since ON throttle (since_ms);",
	/* clang takes one pair of strings for a comma that was forgotten */
	("CREATE TABLE factor_loss (uid BLOB NOT NULL, dev_id BLOB NOT NULL,"
	 " ready_ms INTEGER NOT NULL, PRIMARY KEY (uid, dev_id));"),
	"CREATE TABLE mark (name TEXT PRIMARY KEY, time_ms INTEGER NOT NULL,"
	" text TEXT NOT NULL);"
	"CREATE TABLE closing (uid BLOB PRIMARY KEY, asked_ms INTEGER NOT NULL,"
	" ends_ms INTEGER NOT NULL, dev_id BLOB NOT NULL,"
	" entry BLOB NOT NULL);"
	"CREATE TABLE gone (name TEXT PRIMARY KEY, uid BLOB NOT NULL,"
	" time_ms INTEGER NOT NULL);"
	"CREATE INDEX gone_uid ON gone (uid);",
	/* told: 0, or how many times its silence was told */
	"CREATE TABLE backup_state (uid BLOB NOT NULL, dev_id BLOB NOT NULL,"
	" last_ms INTEGER NOT NULL, since_ms INTEGER NOT NULL,"
	" told INTEGER NOT NULL, PRIMARY KEY (uid, dev_id));"
	"CREATE INDEX backup_state_since ON backup_state (told, since_ms);",
	/* uid is asked by by_uid to compare; dev_id is the device that answers */
	("CREATE TABLE verifying (id BLOB PRIMARY KEY, uid BLOB NOT NULL,"
	 " by_uid BLOB NOT NULL, by_device BLOB NOT NULL,"
	 " dev_id BLOB NOT NULL, nonce BLOB NOT NULL, claim BLOB NOT NULL,"
	 " created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,"
	 " state INTEGER NOT NULL);"
	 "CREATE INDEX verifying_uid ON verifying (uid);"
	 "CREATE INDEX verifying_end ON verifying (expires_ms);"),
	/* inbox: how much there is, of the account; peer may write to uid */
	"CREATE TABLE inbox (uid BLOB PRIMARY KEY, top INTEGER NOT NULL,"
	" items INTEGER NOT NULL, bytes INTEGER NOT NULL,"
	" last_ms INTEGER NOT NULL);"
	"CREATE TABLE inbox_item (uid BLOB NOT NULL, number INTEGER NOT NULL,"
	" sender BLOB NOT NULL, packet BLOB NOT NULL,"
	" received_ms INTEGER NOT NULL, bytes BLOB NOT NULL,"
	" PRIMARY KEY (uid, number));"
	"CREATE UNIQUE INDEX inbox_item_packet ON inbox_item (uid, packet);"
	"CREATE TABLE inbox_peer (uid BLOB NOT NULL, peer BLOB NOT NULL,"
	" state INTEGER NOT NULL, time_ms INTEGER NOT NULL,"
	" PRIMARY KEY (uid, peer));"
	"CREATE INDEX inbox_peer_peer ON inbox_peer (peer);",
	"ALTER TABLE account ADD COLUMN hides INTEGER NOT NULL DEFAULT 0;",
};

const char *const account_tables[] = { "app_password", "backup_state",
	"circle_entry", "device_seen", "envelope", "escrow_begun", "escrow_job",
	"event", "factor", "factor_loss", "fresh_pin", "inbox", "inbox_item",
	"inbox_peer", "joining", "login", "mail_address", "outbox", "phone",
	"recovering", "recovery", "security_key", "session", "trusted_browser",
	"verifying", "visit", "closing", "account" };
const size_t account_n_tables = ARRAY_SIZE(account_tables);

const char *const *
account_schema(size_t *n)
{
	*n = ARRAY_SIZE(schema);
	return schema;
}

static void
free_circles(void *cs)
{
	circles_free(cs);
}

int
account_open(struct db *db, struct err *e)
{
	db_attach(db, circles_new(), free_circles);
	return db_migrate(db, "account", schema, ARRAY_SIZE(schema), e);
}
