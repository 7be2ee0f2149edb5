/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware-emu/core/journal.h"
#include "firmware-emu/core/state.h"

/*
 * On flash, all big-endian:
 *	bank header	"UKEY" version kind 00 00 sequence(4) CRC(4)
 *	record		mark 00 object(2) length(4) value, zeros up to the next unit
 *	commit		mark 00 00 00 CRC(4), over the records of the transaction, begun with the sequence number
 * A mark is never FF, so the first byte of a write shows that something was written.
 */
#define HEADER_SIZE 16u
#define RECORD_SIZE 8u
#define COMMIT_SIZE 8u
#define VERSION     1

enum kind {
	KIND_MOVED = 1, /* continues the other bank */
	KIND_RESET = 2, /* voids it */
};

#define NOTHING_GOES FW_JOURNAL_SCOPES

enum mark {
	MARK_PUT = 0x50,
	MARK_REMOVE = 0x52,
	MARK_COMMIT = 0x43,
	MARK_ERASED = 0xFF,
};

static const struct {
	uint8_t type;
	uint16_t count;
} types[] = {
	{FW_TYPE_STATE,        FW_STATE_OBJECTS  },
	{FW_TYPE_PIN_PAST,     1                 },
	{FW_TYPE_FACTORY,      FW_FACTORY_OBJECTS},
	{FW_TYPE_KEY,          FW_KEYS           },
	{FW_TYPE_KEY_BLOB,     FW_KEYS           },
	{FW_TYPE_KEY_CERT,     FW_KEYS           },
	{FW_TYPE_KEY_CERT_DER, FW_KEYS           },
	{FW_TYPE_CONTAINER,    FW_CONTAINERS     },
	{FW_TYPE_CERT,         FW_CERTIFICATES   },
	{FW_TYPE_CERT_DER,     FW_CERTIFICATES   },
	{FW_TYPE_DATA,         FW_DATA_OBJECTS   },
	{FW_TYPE_DATA_VALUE,   FW_DATA_OBJECTS   },
	{FW_TYPE_PIV,          FW_PIV_OBJECTS    },
	{FW_TYPE_PIV_KEY,      FW_PIV_KEYS       },
	{FW_TYPE_PIV_KEY_BLOB, FW_PIV_KEYS       },
	{FW_TYPE_PIV_DATA,     FW_PIV_DATA       },
};

#define TYPES (sizeof(types) / sizeof(types[0]))

/* The index entry of an object; NULL when there can be no such object. */
static struct fw_entry *entry_of(struct fw_journal *j, uint16_t object)
{
	size_t base = 0, number = object & 0xFF;

	for (size_t i = 0; i < TYPES; base += types[i].count, i++)
		if (types[i].type == object >> 8)
			return number < types[i].count ? &j->entry[base + number] : NULL;
	return NULL;
}

static uint32_t padded(uint32_t n)
{
	return (n + FW_FLASH_UNIT - 1) / FW_FLASH_UNIT * FW_FLASH_UNIT;
}

static uint32_t record_size(uint32_t len)
{
	return RECORD_SIZE + padded(len);
}

/* CRC-32 (ISO 3309), four bits at a time: the table is small, and the flash is what is slow. */
static uint32_t crc_add(uint32_t crc, struct bytes b)
{
	static const uint32_t table[16] = {0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4,
		0x4DB26158, 0x5005713C, 0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C, 0x9B64C2B0, 0x86D3D2D4,
		0xA00AE278, 0xBDBDF21C};

	for (size_t i = 0; i < b.len; i++) {
		crc ^= b.data[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return crc;
}

static uint32_t crc_begin(uint32_t sequence)
{
	uint8_t be[4];
	struct builder b = builder_of(be, sizeof(be));

	builder_u32(&b, sequence);
	return crc_add(0xFFFFFFFF, builder_bytes(&b));
}

/* ---- reading ---- */

void fw_journal_preview(struct fw *fw, const struct fw_change *change, size_t count)
{
	fw->journal.pending = change;
	fw->journal.pending_count = count;
}

static const struct fw_change *change_of(const struct fw_change *change, size_t count, uint16_t object)
{
	for (size_t i = 0; i < count; i++)
		if (change[i].object == object)
			return &change[i];
	return NULL;
}

static size_t change_len(const struct fw_change *c)
{
	return c->part[0].len + c->part[1].len;
}

bool fw_object_exists(struct fw *fw, uint16_t object)
{
	const struct fw_change *c = change_of(fw->journal.pending, fw->journal.pending_count, object);
	const struct fw_entry *e = entry_of(&fw->journal, object);

	return c ? !c->remove : e && e->at != 0;
}

size_t fw_object_len(struct fw *fw, uint16_t object)
{
	const struct fw_change *c = change_of(fw->journal.pending, fw->journal.pending_count, object);
	const struct fw_entry *e = entry_of(&fw->journal, object);

	if (c)
		return c->remove ? 0 : change_len(c);
	return e && e->at != 0 ? e->len : 0;
}

static bool read_change(const struct fw_change *c, size_t from, uint8_t *to, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t at = from + i;
		to[i] = at < c->part[0].len ? c->part[0].data[at] : c->part[1].data[at - c->part[0].len];
	}
	return true;
}

bool fw_object_read(struct fw *fw, uint16_t object, size_t from, uint8_t *to, size_t n)
{
	const struct fw_change *c = change_of(fw->journal.pending, fw->journal.pending_count, object);
	size_t len = fw_object_len(fw, object);

	if (!fw_object_exists(fw, object) || from > len || n > len - from)
		return false;
	if (c)
		return read_change(c, from, to, n);
	return n == 0 || hal_flash_read(fw->hal, entry_of(&fw->journal, object)->at + (uint32_t)from, to, n);
}

bool fw_object_append(struct fw *fw, uint16_t object, struct builder *to)
{
	size_t len = fw_object_len(fw, object);
	uint8_t *room = builder_room(to, len);

	return room && fw_object_read(fw, object, 0, room, len);
}

/* ---- writing ---- */

/* Collects bytes into pages; after a failure nothing more is written. */
struct writer {
	struct fw *fw;
	uint32_t at; /* of the first byte in the page buffer */
	size_t fill;
	uint32_t crc;
	bool failed;
};

static struct writer writer_at(struct fw *fw, uint32_t at, uint32_t sequence)
{
	return (struct writer){.fw = fw, .at = at, .crc = crc_begin(sequence)};
}

static void writer_flush(struct writer *w)
{
	uint8_t *page = w->fw->journal.page;

	if (w->fill > 0 && !w->failed)
		w->failed = !hal_flash_write(w->fw->hal, w->at, BYTES(page, w->fill));
	bytes_wipe(page, w->fill);
	w->at += (uint32_t)w->fill;
	w->fill = 0;
}

static void writer_put(struct writer *w, struct bytes b)
{
	w->crc = crc_add(w->crc, b);
	for (size_t i = 0; i < b.len; i++) {
		w->fw->journal.page[w->fill++] = b.data[i];
		if ((w->at + w->fill) % FW_FLASH_PAGE == 0)
			writer_flush(w);
	}
}

static void writer_pad(struct writer *w, uint32_t len)
{
	static const uint8_t zeros[FW_FLASH_UNIT];

	writer_put(w, BYTES(zeros, padded(len) - len));
}

static void writer_mark(struct writer *w, enum mark mark, uint16_t object, uint32_t word)
{
	uint8_t raw[RECORD_SIZE];
	struct builder b = builder_of(raw, sizeof(raw));

	builder_u8(&b, (uint8_t)mark);
	builder_u8(&b, 0);
	builder_u16(&b, object);
	builder_u32(&b, word);
	writer_put(w, builder_bytes(&b));
}

static void write_change(struct writer *w, const struct fw_change *c)
{
	uint32_t len = c->remove ? 0 : (uint32_t)change_len(c);

	writer_mark(w, c->remove ? MARK_REMOVE : MARK_PUT, c->object, len);
	if (c->remove)
		return;
	writer_put(w, c->part[0]);
	writer_put(w, c->part[1]);
	writer_pad(w, len);
}

static void write_commit(struct writer *w)
{
	writer_mark(w, MARK_COMMIT, 0, w->crc);
	writer_flush(w);
}

static void copy_object(struct writer *w, uint16_t object, const struct fw_entry *e)
{
	uint8_t piece[64];

	writer_mark(w, MARK_PUT, object, e->len);
	for (uint32_t done = 0; done < e->len && !w->failed;) {
		uint32_t n = e->len - done < sizeof(piece) ? e->len - done : (uint32_t)sizeof(piece);
		if (!hal_flash_read(w->fw->hal, e->at + done, piece, n))
			w->failed = true;
		writer_put(w, BYTES(piece, n));
		done += n;
	}
	writer_pad(w, e->len);
	bytes_wipe(piece, sizeof(piece));
}

/* What lives on in the other bank: all there is, or, after a reset, what is not of its scope. */
static bool lives_on(uint8_t type, enum fw_journal_scope gone)
{
	switch (gone) {
	case FW_JOURNAL_TOKEN:
		return type == FW_TYPE_FACTORY;
	case FW_JOURNAL_PIV:
		return type < FW_TYPE_PIV_FIRST;
	default:
		return true;
	}
}

static void copy_living(struct writer *w, const struct fw_change *change, size_t count, enum fw_journal_scope gone)
{
	for (size_t i = 0; i < TYPES; i++) {
		if (!lives_on(types[i].type, gone))
			continue;
		for (uint16_t n = 0; n < types[i].count && !w->failed; n++) {
			uint16_t object = FW_OBJECT(types[i].type, n);
			const struct fw_entry *e = entry_of(&w->fw->journal, object);
			if (e->at != 0 && !change_of(change, count, object))
				copy_object(w, object, e);
		}
	}
}

/* ---- scanning ---- */

enum scan {
	SCAN_GOOD,
	SCAN_NONE,  /* no whole transaction here */
	SCAN_ERROR, /* the flash cannot be read, or names objects that we do not know */
};

struct record {
	uint8_t mark;
	uint16_t object;
	uint32_t word;
	uint8_t raw[RECORD_SIZE];
};

static bool read_record(struct fw *fw, uint32_t at, struct record *r)
{
	if (!hal_flash_read(fw->hal, at, r->raw, RECORD_SIZE))
		return false;
	struct cursor c = cursor_of(BYTES_OF(r->raw));
	r->mark = cursor_u8(&c);
	cursor_u8(&c);
	r->object = cursor_u16(&c);
	r->word = cursor_u32(&c);
	return true;
}

static bool crc_flash(struct fw *fw, uint32_t at, uint32_t n, uint32_t *crc)
{
	uint8_t piece[256];
	bool ok = true;

	for (uint32_t done = 0; ok && done < n;) {
		uint32_t part = n - done < sizeof(piece) ? n - done : (uint32_t)sizeof(piece);
		ok = hal_flash_read(fw->hal, at + done, piece, part);
		*crc = crc_add(*crc, BYTES(piece, part));
		done += part;
	}
	bytes_wipe(piece, sizeof(piece));
	return ok;
}

/* Is there a whole transaction at `at`? `after` is where the next one begins. */
static enum scan scan_transaction(struct fw *fw, uint32_t at, uint32_t end, uint32_t sequence, uint32_t *after)
{
	uint32_t crc = crc_begin(sequence);
	struct record r;

	while (end - at >= RECORD_SIZE) {
		if (!read_record(fw, at, &r))
			return SCAN_ERROR;
		at += RECORD_SIZE;
		if (r.mark == MARK_COMMIT) {
			*after = at;
			return r.word == crc ? SCAN_GOOD : SCAN_NONE;
		}
		uint32_t len = r.mark == MARK_PUT ? r.word : 0;
		if ((r.mark != MARK_PUT && r.mark != MARK_REMOVE) || len > end - at || padded(len) > end - at)
			return SCAN_NONE;
		crc = crc_add(crc, BYTES_OF(r.raw));
		if (!crc_flash(fw, at, padded(len), &crc))
			return SCAN_ERROR;
		at += padded(len);
	}
	return SCAN_NONE;
}

/* Take a scanned transaction into the index. */
static bool apply_transaction(struct fw *fw, uint32_t at)
{
	struct fw_journal *j = &fw->journal;
	struct record r;

	for (;;) {
		if (!read_record(fw, at, &r))
			return false;
		at += RECORD_SIZE;
		if (r.mark == MARK_COMMIT)
			return true;
		struct fw_entry *e = entry_of(j, r.object);
		if (!e)
			return false;
		if (e->at != 0)
			j->live -= record_size(e->len);
		*e = (struct fw_entry){0};
		if (r.mark == MARK_PUT) {
			*e = (struct fw_entry){.at = at, .len = r.word};
			j->live += record_size(r.word);
			at += padded(r.word);
		}
	}
}

static bool read_header(struct fw *fw, uint32_t bank, bool *valid, uint32_t *sequence, uint8_t *kind)
{
	static const uint8_t magic[4] = {'U', 'K', 'E', 'Y'};
	uint8_t raw[HEADER_SIZE];

	if (!hal_flash_read(fw->hal, bank, raw, sizeof(raw)))
		return false;
	struct cursor c = cursor_of(BYTES_OF(raw));
	bool named = bytes_equal(cursor_take(&c, sizeof(magic)), BYTES_OF(magic));
	bool known = cursor_u8(&c) == VERSION;
	*kind = cursor_u8(&c);
	cursor_u16(&c);
	*sequence = cursor_u32(&c);
	*valid = named && known && cursor_u32(&c) == crc_add(0xFFFFFFFF, BYTES(raw, HEADER_SIZE - 4));
	return true;
}

static bool write_header(struct fw *fw, uint32_t bank, uint32_t sequence, enum kind kind)
{
	uint8_t raw[HEADER_SIZE] = {'U', 'K', 'E', 'Y', VERSION, (uint8_t)kind, 0, 0};
	struct builder b = builder_of(raw, sizeof(raw));

	b.len = 8;
	builder_u32(&b, sequence);
	builder_u32(&b, crc_add(0xFFFFFFFF, BYTES(raw, HEADER_SIZE - 4)));
	return hal_flash_write(fw->hal, bank, builder_bytes(&b));
}

static bool read_erased(struct fw *fw, uint32_t at, uint32_t end, bool *erased)
{
	uint8_t piece[256];

	*erased = true;
	while (at < end && *erased) {
		uint32_t n = end - at < sizeof(piece) ? end - at : (uint32_t)sizeof(piece);
		if (!hal_flash_read(fw->hal, at, piece, n))
			return false;
		for (uint32_t i = 0; i < n; i++)
			if (piece[i] != 0xFF)
				*erased = false;
		at += n;
	}
	return true;
}

static uint32_t other_bank(const struct fw_journal *j)
{
	return j->bank == 0 ? j->bank_size : 0;
}

/* Read the live bank into the index. The snapshot was whole before the header was written, so it must be whole now. */
static bool mount_bank(struct fw *fw, uint32_t bank, uint32_t sequence)
{
	struct fw_journal *j = &fw->journal;
	uint32_t at = bank + HEADER_SIZE, end = bank + j->bank_size, after;
	enum scan found;
	bool first = true, erased;

	for (size_t i = 0; i < FW_OBJECT_SLOTS; i++)
		j->entry[i] = (struct fw_entry){0};
	j->live = 0;
	j->bank = bank;
	j->sequence = sequence;
	j->formatted = true;
	while ((found = scan_transaction(fw, at, end, sequence, &after)) == SCAN_GOOD) {
		if (!apply_transaction(fw, at))
			return false;
		at = after;
		first = false;
	}
	if (found == SCAN_ERROR || first || !read_erased(fw, at, end, &erased))
		return false;
	j->tail = at;
	j->torn = !erased;
	return true;
}

static bool mount_any(struct fw *fw)
{
	struct fw_journal *j = &fw->journal;
	uint32_t sequence[2], sector = hal_flash_sector(fw->hal);
	uint8_t kind[2];
	bool valid[2], clean;

	j->bank_size = hal_flash_size(fw->hal) / 2;
	j->bank_size -= j->bank_size % sector;
	for (uint32_t i = 0; i < 2; i++)
		if (!read_header(fw, i * j->bank_size, &valid[i], &sequence[i], &kind[i]))
			return false;
	if (!valid[0] && !valid[1])
		return true; /* nothing was ever committed */
	uint32_t live = !valid[0] || (valid[1] && sequence[1] > sequence[0]) ? 1 : 0;
	if (!mount_bank(fw, live * j->bank_size, sequence[live]))
		return false;
	if (kind[live] != KIND_RESET)
		return true;
	/* The header's sector is erased last (erase_bank), so what is left in it tells that a scrub was cut short. */
	if (!read_erased(fw, other_bank(j), other_bank(j) + sector, &clean))
		return false;
	j->scrub = !clean;
	return true;
}

bool fw_journal_mount(struct fw *fw)
{
	fw->journal.damaged = !mount_any(fw);
	return !fw->journal.damaged;
}

/* ---- committing ---- */

uint32_t fw_journal_total(const struct fw *fw)
{
	uint32_t taken = HEADER_SIZE + COMMIT_SIZE + FW_FLASH_RESERVE;

	return fw->journal.bank_size > taken ? fw->journal.bank_size - taken : 0;
}

uint32_t fw_journal_free(const struct fw *fw)
{
	uint32_t total = fw_journal_total(fw);

	return total > fw->journal.live ? total - fw->journal.live : 0;
}

/* From the end to the beginning: the header's sector last (mount_any). */
static bool erase_bank(struct fw *fw, uint32_t bank)
{
	uint32_t sector = hal_flash_sector(fw->hal);

	for (uint32_t left = fw->journal.bank_size; left > 0; left -= sector)
		if (!hal_flash_erase(fw->hal, bank + left - sector))
			return false;
	return true;
}

static void scrub_other_bank(struct fw *fw)
{
	struct fw_journal *j = &fw->journal;

	if (erase_bank(fw, other_bank(j)))
		j->scrub = false; /* otherwise it stays due */
}

/* Write the other bank: what lives on, and the changes. Its header makes it the live one. */
static enum fw_journal_result move_bank(
	struct fw *fw, const struct fw_change *change, size_t count, enum fw_journal_scope gone)
{
	const enum kind kind = gone == NOTHING_GOES ? KIND_MOVED : KIND_RESET;
	struct fw_journal *j = &fw->journal;
	uint32_t bank = j->formatted ? other_bank(j) : 0, sequence = j->sequence + 1, found = 0;
	uint8_t found_kind = 0;
	bool valid = false;

	if (!erase_bank(fw, bank))
		return FW_JOURNAL_FAILED;
	struct writer w = writer_at(fw, bank + HEADER_SIZE, sequence);
	copy_living(&w, change, count, gone);
	for (size_t i = 0; i < count; i++)
		if (!change[i].remove)
			write_change(&w, &change[i]);
	write_commit(&w);
	if (w.failed)
		return FW_JOURNAL_FAILED;
	/* What the flash holds decides, not what the write said: after the next power-on it will too. */
	if (!write_header(fw, bank, sequence, kind) &&
		(!read_header(fw, bank, &valid, &found, &found_kind) || !valid || found != sequence))
		return FW_JOURNAL_FAILED;
	j->damaged = !mount_bank(fw, bank, sequence);
	return j->damaged ? FW_JOURNAL_FAILED : FW_JOURNAL_OK;
}

static enum fw_journal_result append(struct fw *fw, const struct fw_change *change, size_t count)
{
	struct fw_journal *j = &fw->journal;
	uint32_t start = j->tail, after = 0;
	struct writer w = writer_at(fw, start, j->sequence);

	for (size_t i = 0; i < count; i++)
		write_change(&w, &change[i]);
	write_commit(&w);
	if (w.failed && scan_transaction(fw, start, j->bank + j->bank_size, j->sequence, &after) != SCAN_GOOD) {
		j->torn = true;
		return FW_JOURNAL_FAILED;
	}
	j->torn = w.failed;
	j->tail = w.at;
	j->damaged = !apply_transaction(fw, start);
	return j->damaged ? FW_JOURNAL_FAILED : FW_JOURNAL_OK;
}

static uint32_t transaction_size(const struct fw_change *change, size_t count)
{
	uint32_t size = COMMIT_SIZE;

	for (size_t i = 0; i < count; i++)
		size += change[i].remove ? RECORD_SIZE : record_size((uint32_t)change_len(&change[i]));
	return size;
}

/* Of the objects that live on, of this type and those after it. */
static uint32_t live_before(struct fw *fw, enum fw_object_type first, enum fw_journal_scope gone)
{
	uint32_t live = 0;

	for (size_t i = 0; i < TYPES; i++) {
		if (types[i].type < first)
			continue;
		for (uint16_t n = 0; n < types[i].count && lives_on(types[i].type, gone); n++) {
			const struct fw_entry *e = entry_of(&fw->journal, FW_OBJECT(types[i].type, n));
			live += e->at != 0 ? record_size(e->len) : 0;
		}
	}
	return live;
}

/* What the living objects will take after these changes. */
static uint32_t live_after(struct fw *fw, enum fw_object_type first, const struct fw_change *change, size_t count,
	enum fw_journal_scope gone)
{
	uint32_t live = live_before(fw, first, gone);

	for (size_t i = 0; i < count; i++) {
		const uint8_t type = (uint8_t)(change[i].object >> 8);
		const struct fw_entry *e = entry_of(&fw->journal, change[i].object);
		if (type < first)
			continue;
		if (e && e->at != 0 && lives_on(type, gone))
			live -= record_size(e->len);
		if (!change[i].remove)
			live += record_size((uint32_t)change_len(&change[i]));
	}
	return live;
}

/*
 * The PIV application has half of it at most: who comes by its keys, after its RESET anybody, cannot take the memory
 * away from our own. What had more may become less.
 */
static bool fits(struct fw *fw, const struct fw_change *change, size_t count, enum fw_journal_scope gone)
{
	const uint32_t total = fw_journal_total(fw), before = live_before(fw, FW_TYPE_PIV_FIRST, NOTHING_GOES);
	const uint32_t piv = live_after(fw, FW_TYPE_PIV_FIRST, change, count, gone);

	return live_after(fw, FW_TYPE_STATE, change, count, gone) <= total && (piv <= total / 2 || piv <= before);
}

enum fw_journal_result fw_journal_commit(struct fw *fw, const struct fw_change *change, size_t count)
{
	struct fw_journal *j = &fw->journal;

	if (j->damaged)
		return FW_JOURNAL_FAILED;
	if (!fits(fw, change, count, NOTHING_GOES))
		return FW_JOURNAL_FULL;
	if (j->scrub)
		scrub_other_bank(fw);
	if (!j->formatted || j->torn || transaction_size(change, count) > j->bank + j->bank_size - j->tail)
		return move_bank(fw, change, count, NOTHING_GOES);
	return append(fw, change, count);
}

enum fw_journal_result fw_journal_replace(
	struct fw *fw, enum fw_journal_scope gone, const struct fw_change *change, size_t count)
{
	bool formatted = fw->journal.formatted;

	if (fw->journal.damaged)
		return FW_JOURNAL_FAILED;
	if (!fits(fw, change, count, gone))
		return FW_JOURNAL_FULL;
	enum fw_journal_result result = move_bank(fw, change, count, gone);
	if (result == FW_JOURNAL_OK && formatted) {
		fw->journal.scrub = true;
		scrub_other_bank(fw);
	}
	return result;
}
