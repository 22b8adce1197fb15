/* SPDX-License-Identifier: ISC */
/* secretfile.c: the list of secrets by nature, and how to see one. */
#include "files/secretfile.h"

#include "wire/digest.h"

#include <string.h>

#define SSH_KEYS ".ssh/id_*" /* but .pub: is_ssh_key */

/* clang-format off */

/* A file is secret when its path ends so, at the start of a component. */
static const char *const tails[] = {
	/* GnuPG, age */
	"secring.gpg", ".config/sops/age/keys.txt", ".config/age/keys.txt",
	".age/keys.txt", ".age/key.txt", "age-key.txt", "age-keys.txt",
	/* browsers */
	"logins.json", "logins-backup.json", "key3.db", "key4.db",
	"signons.sqlite", "Login Data", "Login Data For Account",
	/* Wi-Fi */
	"wpa_supplicant.conf",
	/* jobs, whose lines have passwords and tokens */
	"device-profile/crontab",
	/* sources of packages, whose addresses may have a password */
	"device-profile/packages.sources", "etc/apt/auth.conf",
	/* passwords and tokens of tools */
	".netrc", ".pgpass", ".my.cnf", ".git-credentials",
	".config/git/credentials", ".npmrc", ".pypirc", ".vault-token",
	".cargo/credentials", ".cargo/credentials.toml", ".gem/credentials",
	".terraform.d/credentials.tfrc.json", ".smbcredentials", ".fetchmailrc",
	".msmtprc", ".config/msmtp/config", ".config/hub",
	".config/gh/hosts.yml", ".config/rclone/rclone.conf", ".rclone.conf",
	".docker/config.json", ".config/containers/auth.json",
	/* clouds and clusters */
	".aws/credentials", ".config/gcloud/credentials.db",
	".config/gcloud/access_tokens.db",
	".config/gcloud/application_default_credentials.json",
	".azure/accessTokens.json", ".azure/msal_token_cache.json",
	".azure/msal_token_cache.bin", ".azure/service_principal_entries.json",
	".config/doctl/config.yaml", ".config/hcloud/cli.toml", ".s3cfg",
	".boto", ".kube/config",
	/* one-time codes */
	".google_authenticator", ".config/totp", ".totp", ".otpclient.db",
	"otpclient.enc", "otp_accounts.json", "otp_accounts.json.aes",
};

/* A file is secret when it is below a directory whose path ends so. */
static const char *const folders[] = {
	".gnupg/private-keys-v1.d", ".password-store", ".local/share/keyrings",
	".local/share/kwalletd", ".kde/share/apps/kwallet",
	".kde4/share/apps/kwallet", ".gnome2/keyrings",
	"NetworkManager/system-connections", ".config/gcloud/legacy_credentials",
	"Library/Keychains", ".local/share/Authenticator", ".config/OTPClient",
	".local/share/otpclient", "var/lib/iwd", "var/spool/cron", "etc/apt/auth.conf.d",
};

/* A file is secret when its name ends so and something stands before. */
static const char *const endings[] = {
	".kdbx", ".kdb", ".keychain", ".keychain-db", ".kwl", ".ppk", ".p12",
	".pfx", ".jks", ".keystore", ".otpdb",
};

/* clang-format on */

static bool
ends_with(struct bytes x, const char *end)
{
	size_t n = strlen(end);

	/* One byte tells nearly all apart. */
	return x.n >= n && x.p[x.n - 1] == (uint8_t)end[n - 1] &&
	    bytes_equal(bytes_of(x.p + x.n - n, n), bytes_of(end, n));
}

/* The one of the list that ends it, or NULL. */
static const char *
has_tail(struct bytes path, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!ends_with(path, list[i]))
			continue;
		size_t before = path.n - strlen(list[i]);
		if (before == 0 || path.p[before - 1] == '/')
			return list[i];
	}
	return NULL;
}

static bool
is_ssh_key(struct bytes folder, struct bytes name)
{
	static const char *const ssh[] = { ".ssh" };

	return name.n > 3 && name.p[0] == 'i' && name.p[1] == 'd' &&
	    name.p[2] == '_' && !ends_with(name, ".pub") &&
	    has_tail(folder, ssh, 1) != NULL;
}

/* Which line says that it is one; NULL when none does. */
static const char *
listed(struct bytes path)
{
	const uint8_t *slash =
	    path.n == 0 ? NULL : memrchr(path.p, '/', path.n);
	size_t n = slash == NULL ? 0 : (size_t)(slash - path.p);
	struct bytes folder = bytes_of(path.p, n);
	struct bytes name =
	    slash == NULL ? path : bytes_of(slash + 1, path.n - n - 1);

	if (is_ssh_key(folder, name))
		return SSH_KEYS;
	const char *hit = has_tail(path, tails, ARRAY_SIZE(tails));
	for (size_t i = 0; hit == NULL && i < ARRAY_SIZE(endings); i++)
		if (ends_with(name, endings[i]) && name.n > strlen(endings[i]))
			hit = endings[i];
	for (size_t i = 1; hit == NULL && i <= n; i++)
		if (path.p[i] == '/')
			hit = has_tail(
			    bytes_of(path.p, i), folders, ARRAY_SIZE(folders));
	return hit;
}

bool
secretfile_rule(
    struct bytes path, const struct exclude *extra, struct exclude_rule *by)
{
	if (path.n > 0 && path.p[0] == '/')
		path = bytes_of(path.p + 1, path.n - 1);
	enum exclude_answer a = extra == NULL
	    ? EXCLUDE_SILENT
	    : exclude_ask_by(extra, path, false, by);
	if (a != EXCLUDE_SILENT)
		return a == EXCLUDE_YES;
	const char *hit = listed(path);
	if (hit != NULL && by != NULL)
		*by = (struct exclude_rule){ bytes_str(hit),
			"the list of secrets", 0 };
	return hit != NULL;
}

bool
secretfile_by_path(struct bytes path, const struct exclude *extra)
{
	return secretfile_rule(path, extra, NULL);
}

bool
secretfile_listed(size_t i, struct buf *out)
{
	static const struct {
		const char *before, *const *list;
		size_t n;
		const char *after;
	} lists[] = { { "", tails, ARRAY_SIZE(tails), "" },
		{ "", folders, ARRAY_SIZE(folders), "/" },
		{ "*", endings, ARRAY_SIZE(endings), "" } };

	if (i-- == 0) {
		buf_put_str(out, SSH_KEYS);
		return true;
	}
	for (size_t k = 0; k < ARRAY_SIZE(lists); i -= lists[k++].n)
		if (i < lists[k].n) {
			buf_printf(out, "%s%s%s", lists[k].before,
			    lists[k].list[i], lists[k].after);
			return true;
		}
	return false;
}

static bool
starts_with(struct bytes x, const char *start)
{
	size_t n = strlen(start);

	return x.n >= n && bytes_equal(bytes_of(x.p, n), bytes_of(start, n));
}

/* Does "----BEGIN " or "---- BEGIN " stand before `at`, on its line? */
static bool
begins_armor(struct bytes x, size_t at)
{
	const size_t label_max = 40; /* "OPENSSH", "SSH2 ENCRYPTED", … */
	size_t i = at;

	for (; i > 0 && at - i <= label_max; i--) {
		struct bytes before = bytes_of(x.p, i);
		if (ends_with(before, "----BEGIN ") ||
		    ends_with(before, "---- BEGIN "))
			return true;
		if (x.p[i - 1] == '\n')
			return false;
	}
	return false;
}

static bool
holds_armor(struct bytes x)
{
	static const char mark[] = "PRIVATE KEY";
	const size_t mark_n = sizeof mark - 1;
	size_t at = 0;

	for (;;) {
		const uint8_t *hit = memmem(x.p + at, x.n - at, mark, mark_n);
		if (hit == NULL)
			return false;
		at = (size_t)(hit - x.p);
		struct bytes rest = bytes_of(hit + mark_n, x.n - at - mark_n);
		if ((starts_with(rest, "-----") ||
			starts_with(rest, " BLOCK-----") ||
			starts_with(rest, " ----")) &&
		    begins_armor(x, at))
			return true;
		at += mark_n;
	}
}

bool
secretfile_by_content(struct bytes head, uint64_t size)
{
	static const char age[] = "AGE-SECRET-KEY-1";

	if (starts_with(head, SECRETFILE_MAGIC) ||
	    starts_with(head, SECRETFILE_PAGE))
		return true;
	if (size >= SECRETFILE_WHOLE || head.n == 0)
		return false;
	return starts_with(head, "PuTTY-User-Key-File-") ||
	    memmem(head.p, head.n, age, sizeof age - 1) != NULL ||
	    holds_armor(head);
}

static void
add_list(struct digest_state *d, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		digest_add(d, bytes_of(list[i], strlen(list[i]) + 1));
	digest_add(d, bytes_of("", 1));
}

void
secretfile_rules(struct digest_state *d)
{
	add_list(d, tails, ARRAY_SIZE(tails));
	add_list(d, folders, ARRAY_SIZE(folders));
	add_list(d, endings, ARRAY_SIZE(endings));
}
