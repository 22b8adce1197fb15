/* SPDX-License-Identifier: ISC */
/* err_table.h: the error catalogue, the only place where a code is defined. */
/*
 * X(enum, code, HTTP status, exit status, what happened, remedy)
 *
 * Exit status: 1 failed, 2 wrong usage, 3 done in part, 4 refused by policy,
 * 5 cannot reach the server, 6 data damaged or the server was caught lying.
 * `docs/ERRORS.md` is generated from this table.
 */
/* clang-format off */
#define ERR_TABLE(X) \
X(ERR_NONE, "ok", 200, 0, "Nothing went wrong.", "") \
/* usage and input */ \
X(ERR_USAGE, "bad-usage", 400, 2, "The command line was not understood.", "Run: aumbry help") \
X(ERR_INPUT_MISSING, "input-missing", 400, 2, "Something is needed that only a person or a flag can give.", "Give the flag that the message names.") \
X(ERR_WRONG_CODE_KIND, "wrong-code-kind", 400, 2, "A code of one kind was given where another kind is needed.", "Codes shown by your device have 8 digits, those of an authenticator, a text or a call have 6. Check --with.") \
X(ERR_AMBIGUOUS_REQUEST, "ambiguous-request", 409, 2, "Several devices are asking to join.", "Run: aumbry device requests, then name one by its ID.") \
X(ERR_BAD_NAME, "bad-name", 400, 2, "A name is not of the form that is allowed here.", "Choose another, of the form that the message names.") \
X(ERR_BAD_REQUEST, "bad-request", 400, 1, "The server did not understand a request.", "Update this program; if it is new, report this with the request id.") \
X(ERR_TOO_LARGE, "too-large", 413, 1, "Something is larger than its limit.", "The message names the limit.") \
/* account and sign-in */ \
X(ERR_NOT_SIGNED_IN, "not-signed-in", 401, 1, "No account is signed in here.", "Run: aumbry signin URL NAME   (or: aumbry signup URL NAME)") \
X(ERR_ALREADY_SIGNED_IN, "already-signed-in", 409, 1, "An account is already signed in here.", "Use another --home, or run: aumbry signout --erase") \
X(ERR_WRONG_PASSWORD, "wrong-password-or-name", 401, 1, "The name or the password is wrong.", "Check both and try again. Nothing else is said on purpose.") \
X(ERR_WRONG_CODE, "wrong-code", 401, 1, "The code is wrong.", "Look at the code again and type it once more.") \
X(ERR_RECOVERY_CODE, "recovery-key-wrong", 400, 1, "A recovery code does not hold as it was typed.", "Look again at the group that the message names, and type the code once more.") \
X(ERR_CODE_EXPIRED, "code-expired", 401, 1, "The code or the request is no longer valid.", "Start again to get a new code.") \
X(ERR_TOO_MANY_ATTEMPTS, "too-many-attempts", 429, 4, "There were too many attempts.", "Wait as long as the message says, then try again.") \
X(ERR_REQUEST_REFUSED, "request-refused", 403, 4, "A trusted device refused the request.", "If that was a mistake: ask again tomorrow, or from another address, and allow it.") \
X(ERR_INVITATION_REQUIRED, "invitation-required", 403, 4, "This server accepts new accounts by invitation only.", "Ask who runs the server for a code, then add: --invite CODE") \
X(ERR_INVITATION_USED, "invitation-used", 403, 4, "The invitation is unknown, used up or expired.", "Ask who runs the server for a new one: aumbryd invite") \
X(ERR_NAME_TAKEN, "name-taken", 409, 1, "That name belongs to another account.", "Choose another name.") \
X(ERR_SESSION_EXPIRED, "session-expired", 401, 1, "The session has ended.", "Run the command again.") \
X(ERR_STEP_UP_REQUIRED, "step-up-required", 403, 4, "This needs a factor proven within the last 5 minutes.", "Run: aumbry step-up") \
X(ERR_TWO_FACTOR_REQUIRED, "two-factor-required", 403, 4, "Two-factor authentication is needed for this, and it is not on.", "Run: aumbry two-factor on   (while it is pending: aumbry authenticator add)") \
X(ERR_NO_GATEWAY, "no-gateway", 501, 4, "This server has nothing to send that with.", "Ask who runs the server to set it up: [mail] and [phone] in aumbryd.conf") \
X(ERR_GATEWAY_FAILED, "gateway-failed", 502, 5, "The code could not be sent.", "Try again in a minute, or prove it in another way: --with device or --with authenticator") \
X(ERR_APP_PASSWORD_SCOPE, "app-password-scope", 403, 4, "This app-specific password is not for this service.", "Make one that is: aumbry app-password create LABEL --scope mail|dav|files") \
X(ERR_FACTOR_MISSING, "factor-missing", 403, 4, "No fallback factor has been confirmed yet.", "Run: aumbry authenticator add") \
X(ERR_KEY_REQUIRED, "security-key-required", 403, 4, "This account is opened by a security key; codes are not accepted.", "Use a security key, add: --with key") \
X(ERR_KEY_INVALID, "security-key-invalid", 401, 1, "What the security key answered does not hold.", "Try again with a security key of this account; if it stays, tell who runs the server.") \
X(ERR_KEY_CLONED, "security-key-cloned", 403, 4, "A copy of this security key may exist: its counter did not grow.", "Use another key, and take this one out: aumbry security-key remove NAME") \
X(ERR_KEY_ORIGIN, "security-key-origin", 403, 6, "The server asked for a security key under another address than this device reached it at.", "Use the URL that who runs the server gave you. If it is that one, [server] url in aumbryd.conf is wrong.") \
X(ERR_KEY_MISSING, "security-key-missing", 404, 1, "No security key is plugged in.", "Plug it in and run the command again, or name it: --device PATH") \
X(ERR_KEY_UNKNOWN, "security-key-unknown", 403, 1, "This security key is none of this account's.", "Use one that is: aumbry security-key list") \
X(ERR_KEY_UNTOUCHED, "security-key-untouched", 408, 1, "The security key was not touched in time.", "Run the command again, and touch the key when it blinks.") \
X(ERR_KEY_PIN, "security-key-pin", 401, 1, "The security key did not accept the PIN.", "Try again with the right PIN: --pin-file FILE, or typed") \
X(ERR_KEY_NO_PIN, "security-key-no-pin", 403, 1, "The security key has no PIN, so it cannot tell its owner from a finder.", "Give it one: aumbry security-key pin") \
X(ERR_KEY_BLOCKED, "security-key-blocked", 403, 1, "The security key takes no PIN any more.", "Unplug it and plug it in again; if that does not help, only a reset does, which forgets all that is on it.") \
X(ERR_FACTOR_STRIPPED, "factor-stripped", 403, 6, "The server offered factors that this account's circle has switched off.", "Do not sign in. Tell who runs the server; it may be in wrong hands.") \
X(ERR_ACCOUNT_SUSPENDED, "account-suspended", 403, 4, "Who runs the server has suspended this account.", "Ask them. Your data stays as it is.") \
X(ERR_PERMISSION, "permission-denied", 403, 4, "This device may not do that.", "Use a device that has the right, or ask its owner for it.") \
/* devices and circle */ \
X(ERR_DEVICE_REMOVED, "device-removed", 401, 4, "This device was removed from the account.", "To join again, run: aumbry --home DIR signin URL NAME, with a new folder for DIR. What is here stays as it is.") \
X(ERR_DEVICE_TOO_YOUNG, "device-too-young", 403, 4, "This device joined too recently to do that.", "Use an older device, or wait until the hour that the message names.") \
X(ERR_DEVICE_COPIED, "device-copied", 403, 1, "The device key here was made on another machine, or before this one was set up anew.", "If it is still your device (its disk was moved, its system set up anew): aumbry device adopt. If the other machine is still in use, this one needs a key of its own: aumbry signin URL NAME with another --home") \
X(ERR_NOT_A_MEMBER, "not-a-member", 403, 4, "The signer is not an active device of this account.", "To join again, run: aumbry --home DIR signin URL NAME, with a new folder for DIR. What is here stays as it is.") \
X(ERR_CIRCLE_INVALID, "circle-invalid", 400, 6, "The list of devices carries a signature or a link that is wrong.", "Do not go on. Compare with another device: aumbry device list") \
X(ERR_CIRCLE_ROLLED_BACK, "circle-rolled-back", 409, 6, "The server shows an older list of devices than this device has seen.", "If the server was restored from a backup: aumbry repair --after-server-restore. Otherwise do not go on.") \
X(ERR_CIRCLE_FORKED, "circle-forked", 409, 6, "The server shows another list of devices than the one this device knows.", "Do not go on. Compare with another device: aumbry device list") \
X(ERR_CIRCLE_NOT_YOURS, "circle-not-yours", 409, 6, "The list of devices is not the one that this account began with.", "Do not go on. The server may be in wrong hands.") \
X(ERR_CIRCLE_FULL, "circle-full", 409, 4, "The account has as many devices as it can have.", "Remove one: aumbry device remove NAME") \
X(ERR_KEY_SUBSTITUTED, "key-substituted", 409, 6, "The server handed out a key that the circle does not vouch for.", "Do not go on. The server may be in wrong hands.") \
X(ERR_KEYS_SPOILED, "keys-spoiled", 409, 6, "A device of the account has made new keys that do not open here.", "Put that device out: aumbry device remove ID. Its ID stands in the message.") \
X(ERR_ZONE_SPOILED, "zone-spoiled", 409, 6, "A device of the account has signed a state of your data that nothing can hold.", "Put that device out: aumbry device remove ID. Its ID stands in the message.") \
X(ERR_ACCOUNT_RESET, "account-reset", 409, 6, "The account was begun anew, and this device is not in it.", "If nobody of you has asked the operator for that, the server is not to be trusted: keep this device as it is, its keys still open what it has seen. Otherwise sign in on a new home.") \
X(ERR_CONTACT_CHANGED, "contact-changed", 409, 4, "A contact that you have verified began anew, with other keys.", "That happens after losing all devices, or when somebody is in between. Ask that person by another way, then: aumbry verify NAME. To go on without: aumbry contact accept NAME") \
X(ERR_CODE_DIFFERS, "code-differs", 409, 4, "The two of you see different codes.", "Nothing was verified. Compare again in person; if it differs again, somebody is in between: tell that person by another way.") \
X(ERR_NAME_UNCLAIMED, "name-unclaimed", 409, 3, "The devices of an account do not go by the name that the server gives it.", "Of an account that has just got another name, or was made by an older version, this ends once one of its devices was online. If it lasts, ask that person: the server may show somebody else's account.") \
X(ERR_NAME_MOVED, "name-moved", 409, 6, "The name of a contact leads to another account.", "Ask that person by another way whether the account was made anew. If so: aumbry contact remove NAME, then aumbry contact add NAME. Otherwise the server may be in wrong hands.") \
X(ERR_LETTER_FORGED, "letter-forged", 422, 6, "A message is not from who it says it is from, or was changed on its way.", "It is kept, and not shown; to be rid of it: aumbry message delete ID --here   Ask that person by another way: the server may be in wrong hands.") \
X(ERR_LETTER_MISSING, "letter-missing", 409, 3, "A message that was answered, or written before another, has not come.", "It may come yet. If it stays away, ask that person by another way: a server that holds messages back may be in wrong hands.") \
X(ERR_ASK_WAITS, "ask-waits", 403, 4, "That person has not said yet whether messages from you are wanted.", "The first message waits there. Send the next one after the answer, or ask by another way: aumbry contact accept YOU   on one of that person's devices.") \
X(ERR_ASK_FIRST, "ask-first", 403, 4, "That person has not let you write yet: a first message asks, and is short.", "Send one of at most 500 bytes.") \
X(ERR_ASKS_CLOSED, "asks-closed", 403, 4, "That person takes messages from contacts alone.", "Ask that person by another way to add you: aumbry contact add YOU") \
X(ERR_INBOX_FULL, "inbox-full", 409, 4, "The inbox of that person is full.", "It empties once one of that person's devices is online. Send it again then.") \
X(ERR_INBOX_MISSING, "inbox-missing", 409, 4, "No device of that person takes messages yet.", "It does once a device there runs this version and was online. Send it again then.") \
X(ERR_CONTACT_BLOCKED, "contact-blocked", 403, 4, "You have blocked that person.", "To write again: aumbry contact unblock NAME") \
X(ERR_COST_LOWERED, "cost-lowered", 400, 6, "The server asked for weaker password hashing than this program accepts.", "Do not type the password again on this server.") \
X(ERR_CLOCK_WRONG, "clock-wrong", 400, 1, "The clock of this machine and of the server differ too much.", "Set the clock right, then try again.") \
X(ERR_UPDATE_NEEDED, "update-needed", 426, 1, "This was written by a newer version of the program.", "Install the newer version on this machine.") \
/* server */ \
X(ERR_SERVER_UNREACHABLE, "server-unreachable", 503, 5, "The server cannot be reached.", "Check the network and the address, then run the command again: it continues where it stopped.") \
X(ERR_SERVER_BUSY, "server-busy", 503, 5, "The server is stopping or has too much to do.", "Try again in a minute.") \
X(ERR_CERTIFICATE_CHANGED, "certificate-changed", 495, 6, "The server's certificate is neither the one that was pinned nor one that its identity vouches for.", "If the server really has a new identity, get its address from who runs it and run: aumbry server set URL. Otherwise somebody is in between.") \
X(ERR_SERVER_FULL, "server-full", 507, 1, "The server's disk is full.", "Tell who runs the server. What was stored stays; run the command again then.") \
X(ERR_QUOTA_EXCEEDED, "quota-exceeded", 413, 4, "The account's storage is used up.", "Run: aumbry snapshot forget, then: aumbry prune; or ask who runs the server for a larger quota.") \
X(ERR_INTERNAL, "internal-error", 500, 1, "Something failed that should not.", "Try again; if it stays, report the message.") \
/* zones and blobs */ \
X(ERR_NOT_FOUND, "not-found", 404, 1, "There is no such thing.", "Check the name or the ID.") \
X(ERR_CONFLICT, "conflict", 409, 1, "Another device was faster.", "Run the command again.") \
X(ERR_RESYNC, "resync", 410, 1, "Old deletions were dropped; the whole zone must be read again.", "Nothing to do: the program does so by itself.") \
X(ERR_BLOB_MISSING, "blob-missing", 409, 6, "A stored object that is needed is not there.", "Run: aumbry check, then aumbry repair") \
X(ERR_BLOB_CORRUPT, "blob-corrupt", 422, 6, "A stored object is not what was stored.", "Run: aumbry check --read, then aumbry repair") \
X(ERR_BLOB_TRUNCATED, "blob-truncated", 422, 6, "A stored object is shorter than what was stored.", "Run: aumbry check --read, then aumbry repair") \
X(ERR_RECORD_CORRUPT, "record-corrupt", 422, 6, "A record is not what was stored.", "Run: aumbry check, then aumbry repair") \
X(ERR_RECORD_MISPLACED, "record-misplaced", 409, 6, "The server handed out one record in the place of another.", "If the server was restored from a backup: aumbry repair --after-server-restore. Otherwise do not trust it.") \
X(ERR_RECORD_REPLAYED, "record-replayed", 409, 6, "The server handed out an old version of a record.", "If the server was restored from a backup: aumbry repair --after-server-restore. Otherwise do not trust it.") \
X(ERR_HISTORY_ROLLED_BACK, "history-rolled-back", 409, 6, "The server hides changes that this device has seen.", "If the server was restored from a backup: aumbry repair --after-server-restore. Otherwise do not trust it.") \
X(ERR_HISTORY_FORKED, "history-forked", 409, 6, "The server shows another history than the one this device knows.", "If the server was restored from a backup: aumbry repair --after-server-restore. Otherwise do not trust it.") \
X(ERR_CATEGORY_CLOSED, "category-closed", 403, 3, "The key of a category is not held here.", "Use a device that holds it; the message lists what was left out.") \
X(ERR_DRIVE_TREE_INVALID, "drive-tree-invalid", 422, 6, "Files of the drive lie where no file can lie.", "Look below \"Recovered files\" and for names with \"recovered-\", and move or rename what is yours. No program of Aumbry writes this.") \
X(ERR_VERSION_GONE, "version-gone", 404, 1, "That version of the file is not kept any more.", "Choose another: aumbry drive versions PATH") \
/* this machine */ \
X(ERR_DISK_FULL_HERE, "disk-full-here", 507, 1, "The disk of this machine is full.", "Make room, then run the command again: it continues where it stopped.") \
X(ERR_HOME_BUSY, "home-busy", 409, 1, "Another aumbry is doing the same here.", "Wait for it to end.") \
X(ERR_READ_INCOMPLETE, "read-incomplete", 500, 3, "Some files could not be read and are not in the backup.", "See the list above; give this user the right to read them, or leave them out with --exclude.") \
X(ERR_WRITE_INCOMPLETE, "write-incomplete", 500, 3, "Some files could not be restored in full.", "See the list above; as root, owners and devices can be restored too.") \
X(ERR_SNAPSHOT_DAMAGED, "snapshot-damaged", 422, 6, "A snapshot needs content that is lost.", "Restore what is whole, then run: aumbry repair; the next backup stores again what is still on disk.") \
X(ERR_STATE_DAMAGED, "state-damaged", 500, 6, "Aumbry's own files on this machine are damaged.", "Run: aumbry signin URL NAME   into a new --home.") \
X(ERR_IO, "io-error", 500, 1, "A file could not be read or written.", "The message says which and why.") \
X(ERR_STOPPED, "stopped", 503, 1, "A person or the system ended it before it was done.", "Run the command again: it continues where it stopped.") \
X(ERR_NO_TIMER, "no-timer", 500, 3, "Nothing on this machine starts backups by themselves.", "Let cron start them, every 15 minutes: aumbry backup run") \
X(ERR_BACKUP_LATE, "backup-late", 500, 1, "No backup has succeeded for 7 days.", "Run: aumbry backup status   It says why, and what helps.") \
X(ERR_REPO_EXISTS, "repository-exists", 409, 1, "There is something else where the repository would be made.", "Name an empty folder.") \
/* protection and recovery */ \
X(ERR_PROTECTION_BLOCKED, "protection-blocked", 403, 4, "That protection level cannot be had now.", "The message says why, and what to do first.") \
X(ERR_ESCROW_UNREACHABLE, "escrow-unreachable", 503, 5, "The escrow, which holds the keys of standard protection, cannot be reached.", "Try again in a minute; if it stays, tell who runs the server. Nothing was changed.") \
X(ERR_ESCROW_CHANGED, "escrow-changed", 409, 6, "Another escrow answers than the one that the account's devices chose.", "Do not go on. If who runs the server has a new escrow: aumbry protection advanced, then: aumbry protection standard") \
X(ERR_JOURNAL_ROLLED_BACK, "journal-rolled-back", 409, 6, "The escrow's journal is not the one that this account has seen.", "Ask who runs the server. Uses of the escrow's keys may have been hidden.") \
X(ERR_RELEASE_REFUSED, "release-refused", 403, 4, "The escrow does not hand out the keys.", "The message says why.") \
X(ERR_RECOVERY_WAITING, "recovery-waiting", 403, 4, "The recovery has to wait, so that the owner of the account can stop it.", "Run the same command again after the time that the message names.") \
/* drive */ \
X(ERR_DRIVE_ROOT_MISSING, "drive-root-missing", 409, 1, "The folder that is kept in sync is not there, or lost its mark.", "If its disk is not mounted, mount it. If the folder was emptied or set up anew: add --adopt   Nothing is deleted anywhere meanwhile.") \
X(ERR_DRIVE_ROOT_CHANGED, "drive-root-changed", 409, 1, "The folder is not the one this device kept in sync: it was copied, restored, changed by another system, or another home keeps it.", "To bring both together, deleting nothing: add --adopt") \
X(ERR_DRIVE_ROOT_OVERLAP, "drive-root-overlap", 409, 2, "That folder cannot be kept in sync.", "Choose a folder of its own, which the message helps to find.") \
X(ERR_DRIVE_DELETIONS_HELD, "drive-deletions-held", 409, 4, "Many files were deleted here at once, and wait for your word before they go everywhere.", "If that was meant: add --confirm-deletions ID   To have them back here: add --undo-deletions ID") \
X(ERR_DRIVE_HELD, "drive-held", 409, 3, "Something could not be brought in sync; everything else was.", "The list says what, and why.") \
X(ERR_DRIVE_EXISTS, "drive-exists", 409, 1, "There is something of that name already.", "Choose another name, or add --force: what is there goes into its history or the trash.") \
X(ERR_DRIVE_REPOSITORY, "drive-repository", 409, 3, "A repository of git is kept in sync file by file, which does not keep it whole.", "Clone it on each device instead, and leave it out here: a line .git/ in .aumbryignore") \
X(ERR_DRIVE_NOT_EMPTY, "drive-not-empty", 409, 1, "The folder is not empty.", "To move it to the trash with all that is in it: add -r") \
X(ERR_NAME_NOT_POSSIBLE, "name-not-possible", 409, 3, "This file system cannot hold a name.", "Rename it on a device that can; here everything else goes on.") \
X(ERR_FILE_CHANGING, "file-changing", 409, 3, "A file changes faster than it can be read.", "It is tried again by itself. To be sure of it, let the program that writes it finish.") \
X(ERR_WATCH_LIMITED, "watch-limited", 503, 3, "The system lets fewer folders be watched than there are.", "The rest is looked at each minute. To watch all: sudo sysctl fs.inotify.max_user_watches=1048576") \
X(ERR_FILE_DAMAGED, "file-damaged", 409, 6, "A part of a file is in no pack.", "A device that has the file whole stores it again: aumbry drive sync there. Older versions: aumbry drive versions PATH") \
/* clang-format on */
