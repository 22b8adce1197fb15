/* SPDX-License-Identifier: ISC */
/* limits.h: every maximum that both sides must agree on: unit and reason. */
#pragma once

#include <stdint.h>

/* A record is metadata; what is bigger belongs into a blob. Bytes. */
#define LIMIT_RECORD_BYTES (256 * 1024)
/* Blobs one record may name; a snapshot with more spills to refs records. */
#define LIMIT_REFS 4096
/* Records in one commit: one transaction stays under 10 ms. */
#define LIMIT_COMMIT_RECORDS 1000
/* How much a healing may raise a version at once: more than were ever lost,
 * and of the INT64_MAX that there are next to nothing. */
#define LIMIT_HEALED_VERSIONS (1ULL << 32)
/* One commit's body in bytes; a client splits earlier. */
#define LIMIT_COMMIT_BYTES (32 * 1024 * 1024)
/* One blob in bytes: four times a pack, so that formats can grow. */
#define LIMIT_BLOB_BYTES (64 * 1024 * 1024)
/* Blobs of one account, those in the trash too: 64 TiB of usual packs. */
#define LIMIT_ACCOUNT_BLOBS (4 * 1024 * 1024)
/* Blob ids in one existence check. */
#define LIMIT_EXISTS_IDS 4096
/* Records that are asked for by id at once: as many as a commit has. */
#define LIMIT_RECORD_IDS 1000
/* Longest wait of a long poll, seconds: below the usual proxy's 60. */
#define LIMIT_POLL_S 55
/* Zones that one wait is for: a device's own, and those shared with it. */
#define LIMIT_WAIT_ZONES 64
/* Active devices in one circle: each removal seals to all of them. */
#define LIMIT_MEMBERS 32
/* Entries in one circle: bounds what a client reads before it verified. */
#define LIMIT_CIRCLE_ENTRIES 65536
/* The last of them are kept for removals, recoveries and the end: whoever can
 * add entries cannot use up the place for putting him out. */
#define LIMIT_CIRCLE_KEPT 4096
/* One entry of the circle, bytes. */
#define LIMIT_CIRCLE_ENTRY 4096
/* Accounts whose circles are asked after in one call. */
#define LIMIT_HEADS 256
/* Contacts of an account: each costs a record and, once an hour, 48 bytes. */
#define LIMIT_CONTACTS 2000
/* Letters that wait in one inbox: more than a month of a busy family while no
 * device is online. Their bytes. */
#define LIMIT_INBOX_ITEMS 10000
#define LIMIT_INBOX_BYTES (64 * 1024 * 1024)
/* Recovery keys in one set. */
#define LIMIT_RECOVERY_KEYS 16
/* Device ids in one REMOVE or RECOVER. */
#define LIMIT_REMOVE_IDS 31
/* One envelope: a wrapped or sealed 32-byte key and its header, bytes. */
#define LIMIT_ENVELOPE 512
/* Envelopes in one bundle: members, recovery keys, categories. */
#define LIMIT_BUNDLE_ENVELOPES 256
/* Envelopes of all epochs at once, for the escrow or over a reset: categories
 * that standard protection covers, times 256 removals. */
#define LIMIT_CARRIED_ENVELOPES 1024
/* A JSON body of a control call, bytes. */
#define LIMIT_JSON_BYTES (256 * 1024)
/* An account's or device's name, bytes. */
#define LIMIT_NAME_BYTES 64
/* A clock may be this far off the server's, milliseconds (ruling: 5 min). */
#define LIMIT_CLOCK_SKEW_MS (5 * 60 * 1000)
/* A session token lives this long, seconds. */
#define LIMIT_SESSION_S (15 * 60)
/* A proven factor counts this long for sensitive acts, seconds. */
#define LIMIT_STEP_UP_S (5 * 60)
/* Default age at which a device is mature, hours. */
#define LIMIT_MATURE_HOURS 72
/* A recovery change waits this long, milliseconds. */
#define LIMIT_RECOVERY_WAIT_MS (72LL * 3600 * 1000)
