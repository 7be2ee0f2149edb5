/* SPDX-License-Identifier: Apache-2.0 */
/*
 * driver/card/sw.c against doc/token-protocol.md 3: every command, every status word. And what PIV's mean
 * (driver/card/piv_sw.c, SP 800-73-4 part 2), and its slots (piv_slot.c, part 1 table 4b).
 */
#include "driver/card/piv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void only_9000_is_success(void **state)
{
	(void)state;
	for (int c = 0; c < CARD_COMMANDS; c++)
		for (uint32_t sw = 0; sw <= 0xFFFF; sw++) {
			enum ukey_status s = card_status((enum card_command)c, (uint16_t)sw);
			assert_int_equal(s == UKEY_OK, sw == SW_OK);
			assert_true(s < UKEY_STATUS_COUNT);
		}
}

static const struct {
	enum card_command command;
	uint16_t sw;
	enum ukey_status status;
} rows[] = {
	{CARD_CMD_SELECT,           0x6A82, UKEY_FOREIGN_CARD    },
	{CARD_CMD_SELECT,           0x6D00, UKEY_FOREIGN_CARD    },
	{CARD_CMD_SELECT,           0x6999, UKEY_FOREIGN_CARD    },
	{CARD_CMD_VERIFY_USER,      0x63C0, UKEY_PIN_INCORRECT   },
	{CARD_CMD_VERIFY_USER,      0x63C5, UKEY_PIN_INCORRECT   },
	{CARD_CMD_VERIFY_USER,      0x63CF, UKEY_PIN_INCORRECT   },
	{CARD_CMD_VERIFY_USER,      0x6300, UKEY_TOKEN_PROTOCOL  },
	{CARD_CMD_VERIFY_USER,      0x6983, UKEY_PIN_BLOCKED     },
	{CARD_CMD_VERIFY_USER,      0x6A88, UKEY_PIN_NOT_SET     },
	{CARD_CMD_VERIFY_USER,      0x6985, UKEY_TOKEN_STATE     },
	{CARD_CMD_VERIFY_SO,        0x63C9, UKEY_SO_PIN_INCORRECT},
	{CARD_CMD_VERIFY_SO,        0x6983, UKEY_SO_PIN_BLOCKED  },
	{CARD_CMD_CHANGE_USER,      0x63C1, UKEY_PIN_INCORRECT   },
	{CARD_CMD_CHANGE_USER,      0x6A80, UKEY_PIN_POLICY      },
	{CARD_CMD_CHANGE_SO,        0x63C1, UKEY_SO_PIN_INCORRECT},
	{CARD_CMD_UNLOCK,           0x63C3, UKEY_SO_PIN_INCORRECT},
	{CARD_CMD_UNLOCK,           0x6983, UKEY_SO_PIN_BLOCKED  },
	{CARD_CMD_UNLOCK,           0x6A80, UKEY_PIN_POLICY      },
	{CARD_CMD_SET_PIN,          0x6982, UKEY_NOT_LOGGED_IN   },
	{CARD_CMD_VERIFY_USER,      0x6984, UKEY_PIN_EXPIRED     },
	{CARD_CMD_VERIFY_SO,        0x6984, UKEY_TOKEN_PROTOCOL  },
	{CARD_CMD_VERIFY_USER,      0x6982, UKEY_CHANNEL_REQUIRED},
	{CARD_CMD_INITIALIZE,       0x6982, UKEY_CHANNEL_REQUIRED},
	{CARD_CMD_UNLOCK_CHALLENGE, 0x6A88, UKEY_UNLOCK_NONE     },
	{CARD_CMD_UNLOCK_CHALLENGE, 0x6D00, UKEY_UNLOCK_NONE     },
	{CARD_CMD_UNLOCK_CHALLENGE, 0x6983, UKEY_UNLOCK_BLOCKED  },
	{CARD_CMD_UNLOCK_RESPOND,   0x63C2, UKEY_UNLOCK_WRONG    },
	{CARD_CMD_UNLOCK_RESPOND,   0x6985, UKEY_UNLOCK_OVER     },
	{CARD_CMD_UNLOCK_RESPOND,   0x6A80, UKEY_PIN_POLICY      },
	{CARD_CMD_UNLOCK_RESPOND,   0x6A86, UKEY_UNLOCK_NONE     },
	{CARD_CMD_UNLOCK_PROOF,     0x6985, UKEY_NOT_FOUND       },
	{CARD_CMD_ATTEST,           0x6985, UKEY_ATTEST_NONE     },
	{CARD_CMD_ATTEST,           0x6A88, UKEY_NOT_FOUND       },
	{CARD_CMD_OPEN_CHANNEL,     0x6A81, UKEY_CHANNEL_FULL    },
	{CARD_CMD_AUTHENTICATE,     0x6A88, UKEY_NOT_GENUINE     },
	{CARD_CMD_INITIALIZE,       0x6983, UKEY_SO_PIN_BLOCKED  },
	{CARD_CMD_GENERATE,         0x6A86, UKEY_ALGORITHM       },
	{CARD_CMD_GENERATE,         0x6A89, UKEY_EXISTS          },
	{CARD_CMD_GENERATE,         0x6400, UKEY_KEYGEN_FAILED   },
	{CARD_CMD_GENERATE,         0x6A84, UKEY_TOKEN_FULL      },
	{CARD_CMD_GENERATE,         0x6A80, UKEY_TOKEN_PROTOCOL  },
	{CARD_CMD_IMPORT,           0x6A80, UKEY_KEY_INVALID     },
	{CARD_CMD_IMPORT,           0x6A86, UKEY_ALGORITHM       },
	{CARD_CMD_IMPORT,           0x6A89, UKEY_EXISTS          },
	{CARD_CMD_IMPORT,           0x6A88, UKEY_NOT_FOUND       },
	{CARD_CMD_IMPORT,           0x6D00, UKEY_NOT_SUPPORTED   },
	{CARD_CMD_SIGN,             0x6A80, UKEY_DATA_INVALID    },
	{CARD_CMD_SIGN,             0x6985, UKEY_KEY_USAGE       },
	{CARD_CMD_SIGN,             0x6982, UKEY_NOT_LOGGED_IN   },
	{CARD_CMD_SIGN,             0x6401, UKEY_TOUCH_TIMEOUT   },
	{CARD_CMD_SIGN,             0x6A88, UKEY_NOT_FOUND       },
	{CARD_CMD_SIGN,             0x6A86, UKEY_TOKEN_PROTOCOL  },
	{CARD_CMD_DECRYPT,          0x6A80, UKEY_DECRYPT_FAILED  },
	{CARD_CMD_DERIVE,           0x6A80, UKEY_DATA_INVALID    },
	{CARD_CMD_WRITE,            0x6700, UKEY_TOO_LARGE       },
	{CARD_CMD_WRITE,            0x6A84, UKEY_TOKEN_FULL      },
	{CARD_CMD_WRITE,            0x6581, UKEY_TOKEN_FAILURE   },
	{CARD_CMD_WRITE,            0x6A88, UKEY_NOT_FOUND       },
	{CARD_CMD_READ,             0x6A82, UKEY_NOT_FOUND       },
	{CARD_CMD_READ,             0x6700, UKEY_TOKEN_PROTOCOL  },
	{CARD_CMD_READ,             0x6F00, UKEY_TOKEN_FAILURE   },
	{CARD_CMD_RANDOM,           0x6D00, UKEY_NOT_SUPPORTED   },
	{CARD_CMD_RANDOM,           0x6E00, UKEY_NOT_SUPPORTED   },
	{CARD_CMD_RANDOM,           0x0000, UKEY_TOKEN_PROTOCOL  },
};

static void meanings(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(card_status(rows[i].command, rows[i].sw), rows[i].status);
}

static void tries(void **state)
{
	(void)state;
	assert_int_equal(card_tries(0x63C0), 0);
	assert_int_equal(card_tries(0x63CF), 15);
	assert_int_equal(card_tries(0x6983), 0);
	assert_int_equal(card_tries(0x6982), -1);
	assert_int_equal(card_tries(0x9000), -1);
}

/* ---- PIV --------------------------------------------------------------------------------------------------------- */

static void only_9000_is_success_of_piv(void **state)
{
	(void)state;
	for (int c = 0; c < CARD_COMMANDS; c++)
		for (uint32_t sw = 0; sw <= 0xFFFF; sw++) {
			enum ukey_status s = piv_status((enum card_command)c, (uint16_t)sw);
			assert_int_equal(s == UKEY_OK, sw == SW_OK);
			assert_true(s < UKEY_STATUS_COUNT);
		}
}

static const struct {
	enum card_command command;
	uint16_t sw;
	enum ukey_status status;
} piv_rows[] = {
	{CARD_CMD_SELECT,      0x6A82, UKEY_FOREIGN_CARD    },
	{CARD_CMD_SELECT,      0x6999, UKEY_FOREIGN_CARD    },
	{CARD_CMD_VERIFY_USER, 0x63C2, UKEY_PIN_INCORRECT   },
	{CARD_CMD_VERIFY_USER, 0x6300, UKEY_PIN_INCORRECT   },
	{CARD_CMD_VERIFY_USER, 0x6983, UKEY_PIN_BLOCKED     },
	{CARD_CMD_VERIFY_USER, 0x6A80, UKEY_PIN_LENGTH      },
	{CARD_CMD_VERIFY_USER, 0x6982, UKEY_NOT_SUPPORTED   },
	{CARD_CMD_CHANGE_USER, 0x63C0, UKEY_PIN_INCORRECT   },
	{CARD_CMD_CHANGE_USER, 0x6985, UKEY_PIN_POLICY      },
	{CARD_CMD_CHANGE_SO,   0x63C0, UKEY_SO_PIN_INCORRECT},
	{CARD_CMD_CHANGE_SO,   0x6983, UKEY_SO_PIN_BLOCKED  },
	{CARD_CMD_CHANGE_SO,   0x6A88, UKEY_NOT_SUPPORTED   },
	{CARD_CMD_UNLOCK,      0x63C1, UKEY_SO_PIN_INCORRECT},
	{CARD_CMD_UNLOCK,      0x6983, UKEY_SO_PIN_BLOCKED  },
	{CARD_CMD_UNLOCK,      0x6A80, UKEY_PIN_POLICY      },
	{CARD_CMD_LOGOUT,      0x6A86, UKEY_NOT_SUPPORTED   },
	{CARD_CMD_READ,        0x6A82, UKEY_NOT_FOUND       },
	{CARD_CMD_READ,        0x6982, UKEY_NOT_LOGGED_IN   },
	{CARD_CMD_SIGN,        0x6982, UKEY_NOT_LOGGED_IN   },
	{CARD_CMD_SIGN,        0x6A80, UKEY_DATA_INVALID    },
	{CARD_CMD_SIGN,        0x6A86, UKEY_NOT_FOUND       },
	{CARD_CMD_SIGN,        0x6A88, UKEY_NOT_FOUND       },
	{CARD_CMD_DECRYPT,     0x6A80, UKEY_DECRYPT_FAILED  },
	{CARD_CMD_DERIVE,      0x6A80, UKEY_DATA_INVALID    },
	{CARD_CMD_DERIVE,      0x6581, UKEY_TOKEN_FAILURE   },
	{CARD_CMD_SIGN,        0x1234, UKEY_TOKEN_PROTOCOL  },
};

static void meanings_of_piv(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof piv_rows / sizeof piv_rows[0]; i++)
		assert_int_equal(piv_status(piv_rows[i].command, piv_rows[i].sw), piv_rows[i].status);
}

/* After these a command is never sent a second time: it was PIV that counted a try, or did it. */
static void what_counts_a_try_is_nobody_elses_word(void **state)
{
	(void)state;
	for (int c = 0; c < CARD_COMMANDS; c++) {
		for (uint16_t x = 0; x < 16; x++) {
			assert_false(piv_is_strange((enum card_command)c, (uint16_t)(0x63C0 | x)));
			assert_false(piv_is_strange((enum card_command)c, (uint16_t)(0x6300 | x)));
		}
		assert_false(piv_is_strange((enum card_command)c, SW_PIN_BLOCKED));
		assert_false(piv_is_strange((enum card_command)c, SW_OK));
		assert_true(piv_is_strange((enum card_command)c, SW_INS_NOT_SUPPORTED));
	}
	/* An object that is not there is everyday's. */
	assert_false(piv_is_strange(CARD_CMD_READ, SW_NOT_FOUND));
}

static void slots_of_piv(void **state)
{
	static const uint8_t four[] = {0x9A, 0x9C, 0x9D, 0x9E};
	static const uint32_t objects[] = {0x5FC105, 0x5FC10A, 0x5FC10B, 0x5FC101};

	(void)state;
	for (unsigned i = 0; i < PIV_SLOTS; i++) {
		const struct piv_slot *s = &piv_slots[i];
		assert_int_equal(s->reference, i < 4 ? four[i] : 0x82 + i - 4);
		assert_int_equal(s->object, i < 4 ? objects[i] : 0x5FC10D + i - 4);
		assert_int_equal(piv_slot_number(s), i);
		assert_ptr_equal(piv_slot_of(UKEY_KEY_REF(i, s->pair)), s);
		assert_null(piv_slot_of(UKEY_KEY_REF(i, 1 - s->pair)));
	}
	assert_null(piv_slot_of(UKEY_KEY_REF(24, UKEY_SIGNATURE)));
	assert_null(piv_slot_of(255));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_9000_is_success),
		cmocka_unit_test(meanings),
		cmocka_unit_test(tries),
		cmocka_unit_test(only_9000_is_success_of_piv),
		cmocka_unit_test(meanings_of_piv),
		cmocka_unit_test(what_counts_a_try_is_nobody_elses_word),
		cmocka_unit_test(slots_of_piv),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
