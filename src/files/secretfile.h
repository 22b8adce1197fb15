/* SPDX-License-Identifier: ISC */
/* secretfile.h: which files are secrets by nature. */
/*
 * Such files go to the keychain category, which is always end-to-end, even
 * when they are met during a backup. Two questions: the path alone, before a
 * file is opened, and its content once it has been read. Any thread.
 *
 * By path, at any depth, whatever stands before:
 *
 *	.ssh/id_* but not *.pub · .gnupg/private-keys-v1.d/ · secring.gpg ·
 *	*.kdbx *.kdb *.keychain *.keychain-db *.ppk *.p12 *.pfx *.jks *.keystore ·
 *	.password-store/ · .local/share/keyrings/ · kwalletd/ · *.kwl ·
 *	logins.json key3.db key4.db signons.sqlite "Login Data" of browsers · NetworkManager/system-connections/ · wpa_supplicant.conf ·
 *	.netrc .pgpass .my.cnf .git-credentials .npmrc .pypirc ·
 *	.aws/credentials · gcloud credentials and tokens · .azure tokens ·
 *	.kube/config · .docker/config.json · .config/rclone/rclone.conf ·
 *	.config/gh/hosts.yml · .config/sops/age/ · age key files · vaults of
 *	one-time codes (oathtool, Authenticator, OTPClient, Aegis, andOTP) ·
 *	crontabs, sources of packages in a device profile
 *
 * By content: our own magic line at the start, or in a comment there, at any
 * size; in a file below 64
 * KiB, a private key in PEM, OpenPGP, SSH2 or PuTTY armor, or an age secret key.
 */
#pragma once

#include "files/exclude.h"

#define SECRETFILE_MAGIC "aumbry-secret-file v1\n"
#define SECRETFILE_PAGE "<!-- " SECRETFILE_MAGIC /* a page to print */
#define SECRETFILE_WHOLE ((uint64_t)64 << 10) /* bytes: smaller is searched */

/*
 * Is the file at this path a secret by its name?
 *
 * path   with or without a slash at the start.
 * extra  further patterns of the user, in gitignore syntax, which win over the
 *        list ("!name" takes back too); may be NULL.
 */
bool secretfile_by_path(struct bytes path, const struct exclude *extra);
/* The same. by: which line of a list said so, or which pattern took it back;
 * untouched where none did. */
bool secretfile_rule(
    struct bytes path, const struct exclude *extra, struct exclude_rule *by);

/* Line i of the list, as a pattern; false behind the last. */
bool secretfile_listed(size_t i, struct buf *out);

/*
 * Is a file with this content a secret?
 *
 * head  the whole content when size is below SECRETFILE_WHOLE, else its start.
 * size  of the file, in bytes.
 */
bool secretfile_by_content(struct bytes head, uint64_t size);

/* All of the list goes into a digest: by it a changed one is noticed. */
struct digest_state;
void secretfile_rules(struct digest_state *d);
