/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects on flash, changed by transactions that survive a loss of power at any moment.
 *
 *	bank 0 | header | snapshot, commit | transaction, commit | transaction, commit | erased ...      |
 *	bank 1 | (the other half: empty, or what was before)                                             |
 *
 * The live bank is the one with the higher sequence number in a valid header. Transactions are appended; each is a run
 * of records closed by a commit with the CRC of the run. What follows the last good commit never happened. When the
 * bank is full, or its tail is not clean, the next transaction is written into the other bank together with a copy of
 * every object that lives on, and that bank's header, written last, is the commit. So there is no compaction apart
 * from a transaction, mounting never writes, and no byte is programmed twice between erases.
 *
 * Writes are multiples of FW_FLASH_UNIT bytes, aligned to it, and never cross a FW_FLASH_PAGE boundary.
 */
#ifndef UKEY_FW_JOURNAL_H
#define UKEY_FW_JOURNAL_H

#include "common/bytes.h"
#include "firmware-emu/core/config.h"

struct fw;

/* An object's identifier: type in the high byte, number in the low one. A new kind of object is a new row in journal.c.
 */
enum fw_object_type {
	FW_TYPE_STATE = 0x00,
	FW_TYPE_FACTORY = 0x01,  /* outlives fw_journal_replace() */
	FW_TYPE_PIN_PAST = 0x02, /* of the user PIN (pin.h) */
	FW_TYPE_KEY = 0x10,      /* head: what the directory says of it (directory.h) */
	FW_TYPE_KEY_BLOB = 0x11, /* the private half */
	FW_TYPE_KEY_CERT = 0x12, /* head */
	FW_TYPE_KEY_CERT_DER = 0x13,
	FW_TYPE_CONTAINER = 0x14, /* head */
	FW_TYPE_CERT = 0x15,      /* head */
	FW_TYPE_CERT_DER = 0x16,
	FW_TYPE_DATA = 0x17, /* head */
	FW_TYPE_DATA_VALUE = 0x18,

	/* The PIV application's (piv.h): its own, numbered by its own tables. All of them take half of the bytes at
	   most. */
	FW_TYPE_PIV = 0x20, /* settings */
	FW_TYPE_PIV_FIRST = FW_TYPE_PIV,
	FW_TYPE_PIV_KEY = 0x21, /* head, as FW_TYPE_KEY's */
	FW_TYPE_PIV_KEY_BLOB = 0x22,
	FW_TYPE_PIV_DATA = 0x23,
};

#define FW_OBJECT(type, number) ((uint16_t)((type) << 8 | (number)))

#define FW_OBJECT_GENERATION FW_OBJECT(FW_TYPE_STATE, 0)
#define FW_OBJECT_TRIES      FW_OBJECT(FW_TYPE_STATE, 1) /* a byte for each PIN */
#define FW_OBJECT_TOKEN      FW_OBJECT(FW_TYPE_STATE, 2) /* policy, tries of the user PIN, label */
#define FW_OBJECT_PIN(pin)   FW_OBJECT(FW_TYPE_STATE, 3 + (pin))
#define FW_STATE_OBJECTS     8

#define FW_OBJECT_PIN_PAST FW_OBJECT(FW_TYPE_PIN_PAST, 0)

/* factory.h */
#define FW_OBJECT_DEVICE_KEY        FW_OBJECT(FW_TYPE_FACTORY, 0)
#define FW_OBJECT_ATTESTATION_KEY   FW_OBJECT(FW_TYPE_FACTORY, 1)
#define FW_OBJECT_DEVICE_CHAIN      FW_OBJECT(FW_TYPE_FACTORY, 2)
#define FW_OBJECT_ATTESTATION_CHAIN FW_OBJECT(FW_TYPE_FACTORY, 3)
#define FW_OBJECT_UNLOCK_KEY        FW_OBJECT(FW_TYPE_FACTORY, 4) /* version(1) key(16) */
#define FW_OBJECT_UNLOCK_COUNTER    FW_OBJECT(FW_TYPE_FACTORY, 5) /* responses accepted (2); absent: none */
#define FW_FACTORY_OBJECTS          6

#define FW_OBJECT_PIV  FW_OBJECT(FW_TYPE_PIV, 0)
#define FW_PIV_OBJECTS 1
#define FW_PIV_KEYS    24 /* slots: piv.h */
#define FW_PIV_DATA    44 /* objects: piv_data.c */

#define FW_OBJECT_SLOTS                                                                                                \
	(FW_STATE_OBJECTS + 1 + FW_FACTORY_OBJECTS + 9 * FW_CONTAINERS + 2 * FW_CERTIFICATES + 2 * FW_DATA_OBJECTS +   \
		FW_PIV_OBJECTS + 2 * FW_PIV_KEYS + FW_PIV_DATA)

struct fw_change {
	uint16_t object;
	bool remove;
	struct bytes part[2]; /* the value, joined */
};

struct fw_entry {
	uint32_t at; /* of the value in flash; 0: there is no such object */
	uint32_t len;
};

struct fw_journal {
	uint32_t bank_size;
	uint32_t bank; /* where the live bank starts */
	uint32_t sequence;
	uint32_t tail;                   /* where the next transaction goes */
	uint32_t live;                   /* bytes that the living objects take */
	bool formatted;                  /* there is a live bank */
	bool damaged;                    /* the live bank cannot be read: no more transactions */
	bool torn;                       /* the tail is not clean: the next transaction changes banks */
	bool scrub;                      /* the other bank holds what a reset has erased, and must go */
	const struct fw_change *pending; /* seen by reads as if it had happened */
	size_t pending_count;
	struct fw_entry entry[FW_OBJECT_SLOTS];
	uint8_t page[FW_FLASH_PAGE];
};

enum fw_journal_result {
	FW_JOURNAL_OK,
	FW_JOURNAL_FULL,
	FW_JOURNAL_FAILED,
};

/* Reads only. False: the flash cannot be read, or is not what this journal wrote. */
bool fw_journal_mount(struct fw *fw);

/* Let reads see these changes, until called with none. */
void fw_journal_preview(struct fw *fw, const struct fw_change *change, size_t count);

/* All or nothing, durable on return. Full: all bytes, or the half that PIV's objects may have. Each object occurs at
 * most once. */
enum fw_journal_result fw_journal_commit(struct fw *fw, const struct fw_change *change, size_t count);
/* What a reset takes away. */
enum fw_journal_scope {
	FW_JOURNAL_TOKEN, /* all but what the factory gave */
	FW_JOURNAL_PIV,   /* what is of the PIV application */
	FW_JOURNAL_SCOPES,
};

/* The same, and every object of the scope that is not in the transaction is gone, from the flash too. */
enum fw_journal_result fw_journal_replace(
	struct fw *fw, enum fw_journal_scope gone, const struct fw_change *change, size_t count);

bool fw_object_exists(struct fw *fw, uint16_t object);
/* 0 when there is no such object. */
size_t fw_object_len(struct fw *fw, uint16_t object);
/* A range of the value. False: not there, or the flash failed. */
bool fw_object_read(struct fw *fw, uint16_t object, size_t from, uint8_t *to, size_t n);
/* The whole value, appended. */
bool fw_object_append(struct fw *fw, uint16_t object, struct builder *to);

/* Bytes for objects: all there are, and those not in use. */
uint32_t fw_journal_total(const struct fw *fw);
uint32_t fw_journal_free(const struct fw *fw);

#endif
