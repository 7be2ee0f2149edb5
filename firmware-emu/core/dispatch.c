/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware-emu/core/dispatch.h"
#include "common/tlv.h"
#include "firmware-emu/core/algorithm.h"
#include "firmware-emu/core/messaging.h"

#define INS_GET_RESPONSE 0xC0
#define ROWS(table)      (sizeof(table) / sizeof((table)[0]))

/* ---- the command table: protocol 4 ---- */

/* One command, one line. */
/* clang-format off */
/* Commands of the card: they work whatever application is selected on the channel. The first two are any card's. */
static const struct fw_row card_rows[] = {
/*	 80?    INS   P1                     P2 from, to            data              life                 access            way            handler */
	{false, 0xA4, FW_P1_IS, 0x04,        0x00, 0x00,            FW_DATA_REQUIRED, FW_IN_ANY | FW_IN_T, FW_ACCESS_ALWAYS, FW_WAY_CLEAR, fw_select},
	{false, 0xC0, FW_P1_IS, 0x00,        0x00, 0x00,            FW_DATA_NONE,     FW_IN_ANY | FW_IN_T, FW_ACCESS_ALWAYS, FW_WAY_CLEAR, fw_get_response},
	{false, 0x70, FW_P1_IS, 0x00,        0x00, FW_CHANNELS - 1, FW_DATA_NONE,     FW_IN_ANY,           FW_ACCESS_ALWAYS, FW_WAY_CLEAR, fw_manage_channel},
	{false, 0x70, FW_P1_IS, 0x80,        0x00, FW_CHANNELS - 1, FW_DATA_NONE,     FW_IN_ANY,           FW_ACCESS_ALWAYS, FW_WAY_CLEAR, fw_manage_channel},
	{true,  0x88, FW_P1_IS, 0x01,        0x13, 0x13,            FW_DATA_REQUIRED, FW_IN_ANY,           FW_ACCESS_ALWAYS, FW_WAY_CLEAR, fw_internal_authenticate},
};

#define ROWS_OF_ANY_CARD 2

static const struct fw_row ukey_rows[] = {
	{false, 0x84, FW_P1_IS, 0x00,        0x00, 0x00, FW_DATA_NONE,     FW_IN_ANY,           FW_ACCESS_ALWAYS,        FW_WAY_ANY,   fw_get_challenge},
	{false, 0xCB, FW_P1_IS, 0x3F,        0xFF, 0xFF, FW_DATA_REQUIRED, FW_IN_ANY | FW_IN_T, FW_ACCESS_READ,          FW_WAY_ANY,   fw_get_data},
	{false, 0xDB, FW_P1_IS, 0x3F,        0xFF, 0xFF, FW_DATA_REQUIRED, FW_IN_I | FW_IN_O,   FW_ACCESS_WRITE,         FW_WAY_ANY,   fw_put_data},
	{false, 0x20, FW_P1_IS, 0x00,        0x81, 0x82, FW_DATA_OPTIONAL, FW_IN_I | FW_IN_O,   FW_ACCESS_ALWAYS,        FW_WAY_PIN,   fw_verify},
	{false, 0x20, FW_P1_IS, 0xFF,        0x81, 0x82, FW_DATA_NONE,     FW_IN_I | FW_IN_O,   FW_ACCESS_ALWAYS,        FW_WAY_ANY,   fw_log_out},
	{false, 0x24, FW_P1_IS, 0x00,        0x81, 0x82, FW_DATA_REQUIRED, FW_IN_I | FW_IN_O,   FW_ACCESS_ALWAYS,        FW_WAY_PIN,   fw_change_reference_data},
	{false, 0x2C, FW_P1_IS, 0x00,        0x81, 0x81, FW_DATA_REQUIRED, FW_IN_I | FW_IN_O,   FW_ACCESS_ALWAYS,        FW_WAY_PIN,   fw_reset_by_so_pin},
	{false, 0x2C, FW_P1_IS, 0x01,        0x81, 0x81, FW_DATA_REQUIRED, FW_IN_O,             FW_ACCESS_ALWAYS,        FW_WAY_PIN,   fw_reset_by_response},
	{false, 0x2C, FW_P1_IS, 0x02,        0x81, 0x81, FW_DATA_REQUIRED, FW_IN_I | FW_IN_O,   FW_ACCESS_SO,            FW_WAY_PIN,   fw_reset_by_so},
	{false, 0x47, FW_P1_ALGORITHM, 0x00, 0x00, 0xFF, FW_DATA_REQUIRED, FW_IN_O,             FW_ACCESS_USER,          FW_WAY_ANY,   fw_generate},
	{false, 0x87, FW_P1_ALGORITHM, 0x00, 0x00, 0xFF, FW_DATA_REQUIRED, FW_IN_O,             FW_ACCESS_USER,          FW_WAY_ANY,   fw_general_authenticate},
	{true,  0xDA, FW_P1_ALGORITHM, 0x00, 0x00, 0xFF, FW_DATA_REQUIRED, FW_IN_O,             FW_ACCESS_USER,          FW_WAY_KEY,   fw_import},
	{true,  0x84, FW_P1_IS, 0x00,        0x83, 0x83, FW_DATA_NONE,     FW_IN_O,             FW_ACCESS_ALWAYS,        FW_WAY_ANY,   fw_unlock_challenge},
	{true,  0x84, FW_P1_IS, 0x01,        0x83, 0x83, FW_DATA_NONE,     FW_IN_O,             FW_ACCESS_ALWAYS,        FW_WAY_ANY,   fw_unlock_proof},
	{true,  0xCC, FW_P1_IS, 0x00,        0x00, 0xFF, FW_DATA_REQUIRED, FW_IN_O,             FW_ACCESS_ALWAYS,        FW_WAY_ANY,   fw_attest},
	{true,  0xE0, FW_P1_IS, 0x00,        0x00, 0x00, FW_DATA_REQUIRED, FW_IN_ANY,           FW_ACCESS_ALWAYS,        FW_WAY_PIN,   fw_initialize},
	{true,  0xE4, FW_P1_IS, 0x00,        0x00, 0xFF, FW_DATA_NONE,     FW_IN_O,             FW_ACCESS_USER,          FW_WAY_ANY,   fw_delete_key},
	{true,  0xE4, FW_P1_IS, 0x01,        0x00, 0xFF, FW_DATA_NONE,     FW_IN_O,             FW_ACCESS_USER,          FW_WAY_ANY,   fw_delete_container},
	{true,  0xEE, FW_P1_IS, 0x00,        0x00, 0x00, FW_DATA_NONE,     FW_IN_I | FW_IN_O,   FW_ACCESS_SO_OR_BLOCKED, FW_WAY_ANY,   fw_factory_reset},
	{true,  0xF0, FW_P1_IS, 0x00,        0x00, 0x00, FW_DATA_NONE,     FW_IN_B,             FW_ACCESS_FACTORY,       FW_WAY_ANY,   fw_factory_keys},
	{true,  0xF2, FW_P1_IS, 0x00,        0x00, 0x00, FW_DATA_REQUIRED, FW_IN_B,             FW_ACCESS_FACTORY,       FW_WAY_ANY,   fw_factory_close},
};
/* clang-format on */

static const uint8_t ukey_aid[] = {0xF0, 0x4F, 0x70, 0x65, 0x6E, 0x55, 0x4B, 0x65, 0x79, 0x01};

static bool ukey_present(const struct fw *fw)
{
	return fw->card == FW_CARD_UKEY;
}

const struct fw_application fw_ukey_application = {
	.aid = {ukey_aid, sizeof(ukey_aid)},
	.aid_least = 5,
	.row = ukey_rows,
	.rows = ROWS(ukey_rows),
	.select = fw_token_information,
	.present = ukey_present,
};

/* ---- gates 2 to 5 ---- */

struct lookup {
	const struct fw_row *row;
	bool ins_known;
};

static bool takes_p1(const struct fw_row *row, uint8_t p1)
{
	switch (row->p1_is) {
	case FW_P1_ALGORITHM:
		return fw_algorithm(p1) != NULL;
	case FW_P1_ANY:
		return true;
	default:
		return row->p1 == p1;
	}
}

static void look_up(
	struct lookup *l, const struct fw_row *row, size_t rows, bool proprietary, const struct fw_command *c)
{
	for (size_t i = 0; i < rows && !l->row; i++) {
		if (row[i].ins != c->ins || row[i].proprietary != proprietary)
			continue;
		l->ins_known = true;
		if (takes_p1(&row[i], c->p1) && c->p2 >= row[i].p2_first && c->p2 <= row[i].p2_last)
			l->row = &row[i];
	}
}

static uint16_t execute(struct fw *fw, bool proprietary, const struct fw_command *c, struct builder *answer)
{
	const struct fw_application *application = c->channel->application;
	struct lookup l = {0};

	if (application->before && c->ins != INS_GET_RESPONSE)
		application->before(c->channel);
	look_up(&l, card_rows, fw->card == FW_CARD_PIV ? ROWS_OF_ANY_CARD : ROWS(card_rows), proprietary, c);
	look_up(&l, application->row, application->rows, proprietary, c);
	if (!l.ins_known)
		return SW_INS_NOT_SUPPORTED;
	if (!l.row)
		return SW_WRONG_P1P2;
	if ((l.row->data == FW_DATA_NONE && c->data.len > 0) || (l.row->data == FW_DATA_REQUIRED && c->data.len == 0))
		return SW_WRONG_LENGTH;
	uint16_t sw = fw_access(fw, l.row, c);
	if (sw != SW_OK)
		return sw;
	sw = l.row->handler(fw, c, answer);
	return sw == SW_OK && answer->failed ? SW_INTERNAL : sw;
}

/* ---- gate 1: class, channel, chain, secure messaging ---- */

static bool goes_in_clear(const struct fw_row *row, size_t rows, const struct apdu *a, const struct apdu_class *class)
{
	for (size_t i = 0; i < rows; i++)
		if (row[i].ins == a->ins && row[i].proprietary == class->proprietary && row[i].way == FW_WAY_CLEAR)
			return true;
	return false;
}

/* Never protected, on a channel that is open. */
static bool always_clear(const struct fw_channel *channel, const struct apdu *a, const struct apdu_class *class)
{
	const struct fw_application *application = channel->application;

	return goes_in_clear(card_rows, ROWS(card_rows), a, class) ||
	       goes_in_clear(application->row, application->rows, a, class);
}

static uint16_t check_class(struct fw *fw, const struct apdu *a, struct apdu_class *class)
{
	if (!apdu_class_parse(a->cla, class) || (fw->card == FW_CARD_PIV && class->proprietary))
		return SW_CLA_NOT_SUPPORTED;
	bool open = class->channel < FW_CHANNELS && fw->channel[class->channel].open;
	if (class->secure) {
		const struct fw_channel *channel = open ? &fw->channel[class->channel] : NULL;
		if (!scp_class_secured(a->cla) || !open || !fw_session_exists(channel) ||
			always_clear(channel, a, class))
			return SW_SM_NOT_SUPPORTED;
	}
	return open ? SW_OK : SW_CHANNEL_NOT_SUPPORTED;
}

static bool same_chain(const struct fw_chain *k, const struct apdu *a, const struct apdu_class *class)
{
	return k->proprietary == class->proprietary && k->secure == class->secure && k->channel == class->channel &&
	       k->ins == a->ins && k->p1 == a->p1 && k->p2 == a->p2;
}

static void forget_command(struct fw *fw)
{
	bytes_wipe(fw->command, fw->command_len);
	fw->command_len = 0;
	fw->chain.running = false;
}

/* A chain of an application that is lenient, or a command of one: what was begun is forgotten. */
static bool may_interrupt(const struct fw *fw, const struct apdu_class *class)
{
	return fw->channel[fw->chain.channel].application->lenient || fw->channel[class->channel].application->lenient;
}

/* Add the command's data to what its chain brought before. */
static uint16_t join(struct fw *fw, const struct apdu *a, const struct apdu_class *class)
{
	const size_t most = FW_COMMAND_DATA_MAX + (class->secure ? SCP_OVERHEAD : 0);

	if (fw->chain.running && !same_chain(&fw->chain, a, class)) {
		if (!may_interrupt(fw, class))
			return SW_LAST_OF_CHAIN_EXPECTED;
		forget_command(fw);
	}
	if (a->data.len > most - fw->command_len)
		return SW_WRONG_LENGTH;
	bytes_copy(fw->command + fw->command_len, a->data);
	fw->command_len += a->data.len;
	fw->chain = (struct fw_chain){
		class->chained, class->proprietary, class->secure, class->channel, a->ins, a->p1, a->p2};
	return SW_OK;
}

static void forget_answer(struct fw *fw)
{
	bytes_wipe(fw->answer, fw->answer_len);
	bytes_wipe(fw->chunk, sizeof(fw->chunk));
	fw->answer_len = fw->answer_sent = 0;
}

/* Run a plain command. Its answer is what fw->answer holds then: nothing, unless it succeeded. */
static uint16_t run(struct fw *fw, const struct fw_command *c, bool proprietary)
{
	/* Not empty for GET RESPONSE, which fetches what is there and adds nothing. */
	struct builder answer = builder_of(fw->answer, fw->answer_len ? fw->answer_len : FW_ANSWER_DATA_MAX);
	uint16_t sw = SW_WRONG_LENGTH;

	answer.len = fw->answer_len;
	if (c->data.len <= FW_COMMAND_DATA_MAX)
		sw = execute(fw, proprietary, c, &answer);
	fw->answer_len = answer.len;
	if (sw != SW_OK)
		forget_answer(fw);
	return sw;
}

/* The same with one that is protected; so is its answer, whatever the status. */
static uint16_t run_protected(struct fw *fw, const struct apdu *a, struct fw_command *c, bool proprietary)
{
	struct builder data = builder_of(fw->command, sizeof(fw->command));
	struct builder answer = builder_of(fw->answer, FW_ANSWER_DATA_MAX + SCP_OVERHEAD);

	data.len = fw->command_len;
	if (!fw_session_unwrap(c->channel, a, &data))
		return SW_SECURITY_STATUS;
	c->data = builder_bytes(&data);
	uint16_t sw = run(fw, c, proprietary);
	answer.len = fw->answer_len;
	if (!fw_session_wrap(c->channel, sw, &answer))
		sw = SW_SECURITY_STATUS;
	fw->answer_len = answer.len;
	return sw;
}

/* Take a command, and run it once its chain is complete. */
static uint16_t receive(struct fw *fw, const struct apdu *a)
{
	struct apdu_class class;
	uint16_t sw = check_class(fw, a, &class);

	if (sw == SW_OK)
		sw = join(fw, a, &class);
	if (sw == SW_OK) {
		struct fw_channel *channel = &fw->channel[class.channel];
		if (!fw_session_admits(channel, class.secure, always_clear(channel, a, &class)))
			sw = SW_SECURITY_STATUS;
	}
	if (sw == SW_OK && fw->chain.running)
		return sw;
	if (sw == SW_OK) {
		struct fw_command c = {class.channel, &fw->channel[class.channel], class.secure, a->ins, a->p1, a->p2,
			BYTES(fw->command, fw->command_len), a->le};
		if (class.proprietary && a->ins == SCP_INS_INTERNAL_AUTHENTICATE)
			fw_session_end(c.channel); /* also when the command then fails */
		sw = class.secure ? run_protected(fw, a, &c, class.proprietary) : run(fw, &c, class.proprietary);
		fw->answer_channel = class.channel;
	}
	forget_command(fw);
	return sw;
}

/* ---- the answer ---- */

static struct bytes send_whole(struct fw *fw)
{
	struct builder b = builder_of(fw->answer, sizeof(fw->answer));
	size_t from = fw->answer_sent;

	b.len = fw->answer_sent = fw->answer_len;
	builder_u16(&b, fw->answer_sw);
	return BYTES(fw->answer + from, b.len - from);
}

static struct bytes send_part(struct fw *fw, uint32_t le)
{
	struct builder b = builder_of(fw->chunk, sizeof(fw->chunk));
	size_t left = fw->answer_len - fw->answer_sent;
	size_t n = left < le ? left : le;

	builder_put(&b, BYTES(fw->answer + fw->answer_sent, n));
	fw->answer_sent += n;
	left -= n;
	builder_u16(&b, left == 0 ? fw->answer_sw : (uint16_t)(SW_BYTES_REMAIN | (left > 0xFF ? 0 : left)));
	return builder_bytes(&b);
}

/*
 * GET RESPONSE keeps what waits, and only its handler says for whom it waits. A segment of a chain has no handler: it
 * is as any other command.
 */
static bool fetches(const struct apdu *a)
{
	struct apdu_class class;

	return a->ins == INS_GET_RESPONSE && apdu_class_parse(a->cla, &class) && !class.chained;
}

/* By what is selected now: SELECT itself is answered as the application that it found would. */
static bool lenient(const struct fw *fw, const struct apdu *a)
{
	struct apdu_class class;

	return apdu_class_parse(a->cla, &class) && class.channel < FW_CHANNELS && fw->channel[class.channel].open &&
	       fw->channel[class.channel].application->lenient;
}

struct bytes fw_transceive(struct fw *fw, struct bytes command)
{
	struct apdu a;
	bool parsed = command.len <= FW_COMMAND_MAX && apdu_parse(command, &a);
	bool fetching = parsed && fetches(&a);
	uint16_t sw = SW_WRONG_LENGTH;

	if (!fetching)
		forget_answer(fw);
	if (parsed)
		sw = receive(fw, &a);
	else
		forget_command(fw);
	if (fetching && sw != SW_OK)
		forget_answer(fw);
	if (!fetching || sw != SW_OK)
		fw->answer_sw = sw;
	if (!parsed || a.extended)
		return send_whole(fw);
	return send_part(fw, a.le == APDU_LE_NONE && (fetching || lenient(fw, &a)) ? APDU_LE_SHORT_MAX : a.le);
}

uint16_t fw_get_response(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	(void)answer;
	if (fw->answer_sent == fw->answer_len || fw->answer_channel != command->number)
		return SW_CONDITIONS;
	return SW_OK;
}

uint16_t fw_answer_generation(struct fw *fw, const struct fw_command *command, struct builder *answer, uint16_t sw)
{
	if (sw == SW_OK && command->le != APDU_LE_NONE)
		tlv_put_u32(answer, 0x88, fw->generation);
	return sw;
}

/* ---- power ---- */

size_t fw_size(void)
{
	return sizeof(struct fw);
}

struct fw *fw_power_on(void *memory, struct hal *hal, enum fw_card card)
{
	struct fw *fw = memory;

	bytes_wipe(fw, sizeof(*fw));
	fw->hal = hal;
	fw->card = card;
	fw->crypto = fw_crypto(hal);
	fw_journal_mount(fw);
	fw_state_load(fw);
	fw->channel[0] = (struct fw_channel){.open = true, .application = fw_first_application(fw)};
	return fw;
}

struct bytes fw_atr(enum fw_card card)
{
	static const uint8_t ukey[] = {
		0x3B, 0x8B, 0x80, 0x01, 0x80, 0x73, 0x80, 0x01, 0xD7, 0x65, 0x55, 0x4B, 0x45, 0x59, 0x01, 0xC9};
	/* T=0 and T=1 as well; historical bytes "TEST PIV" */
	static const uint8_t piv[] = {0x3B, 0x88, 0x80, 0x01, 0x54, 0x45, 0x53, 0x54, 0x20, 0x50, 0x49, 0x56, 0x70};

	return card == FW_CARD_PIV ? BYTES_OF(piv) : BYTES_OF(ukey);
}
