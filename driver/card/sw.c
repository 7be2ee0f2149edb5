/* SPDX-License-Identifier: Apache-2.0 */
/* doc/token-protocol.md 3 and 4 as a table: the first row that fits answers. */
#include "driver/card/card.h"

#define ANY CARD_COMMANDS

static const struct card_meaning rows[] = {
	{ANY,		       SW_OK,		     0xFFFF, UKEY_OK              },

 /* 4.1: whoever does not know the name is somebody else's card. */
	{CARD_CMD_SELECT,           0,                         0x0000, UKEY_FOREIGN_CARD    },

 /* 4.8, 4.10: PINs. */
	{CARD_CMD_VERIFY_USER,      SW_TRIES_LEFT,             0xFFF0, UKEY_PIN_INCORRECT   },
	{CARD_CMD_VERIFY_USER,      SW_PIN_BLOCKED,            0xFFFF, UKEY_PIN_BLOCKED     },
	{CARD_CMD_VERIFY_USER,      SW_REFERENCE_NOT_FOUND,    0xFFFF, UKEY_PIN_NOT_SET     },
	{CARD_CMD_VERIFY_USER,      SW_WRONG_DATA,             0xFFFF, UKEY_PIN_LENGTH      },
	{CARD_CMD_VERIFY_USER,      SW_REFERENCE_NOT_USABLE,   0xFFFF, UKEY_PIN_EXPIRED     },
	{CARD_CMD_VERIFY_SO,        SW_TRIES_LEFT,             0xFFF0, UKEY_SO_PIN_INCORRECT},
	{CARD_CMD_VERIFY_SO,        SW_PIN_BLOCKED,            0xFFFF, UKEY_SO_PIN_BLOCKED  },
	{CARD_CMD_VERIFY_SO,        SW_WRONG_DATA,             0xFFFF, UKEY_PIN_LENGTH      },
	{CARD_CMD_CHANGE_USER,      SW_TRIES_LEFT,             0xFFF0, UKEY_PIN_INCORRECT   },
	{CARD_CMD_CHANGE_USER,      SW_PIN_BLOCKED,            0xFFFF, UKEY_PIN_BLOCKED     },
	{CARD_CMD_CHANGE_USER,      SW_REFERENCE_NOT_FOUND,    0xFFFF, UKEY_PIN_NOT_SET     },
	{CARD_CMD_CHANGE_USER,      SW_WRONG_DATA,             0xFFFF, UKEY_PIN_POLICY      },
	{CARD_CMD_CHANGE_SO,        SW_TRIES_LEFT,             0xFFF0, UKEY_SO_PIN_INCORRECT},
	{CARD_CMD_CHANGE_SO,        SW_PIN_BLOCKED,            0xFFFF, UKEY_SO_PIN_BLOCKED  },
	{CARD_CMD_CHANGE_SO,        SW_WRONG_DATA,             0xFFFF, UKEY_PIN_POLICY      },
	{CARD_CMD_UNLOCK,           SW_TRIES_LEFT,             0xFFF0, UKEY_SO_PIN_INCORRECT},
	{CARD_CMD_UNLOCK,           SW_PIN_BLOCKED,            0xFFFF, UKEY_SO_PIN_BLOCKED  },
	{CARD_CMD_UNLOCK,           SW_WRONG_DATA,             0xFFFF, UKEY_PIN_POLICY      },
	{CARD_CMD_SET_PIN,          SW_WRONG_DATA,             0xFFFF, UKEY_PIN_POLICY      },
	{CARD_CMD_INITIALIZE,       SW_TRIES_LEFT,             0xFFF0, UKEY_SO_PIN_INCORRECT},
	{CARD_CMD_INITIALIZE,       SW_PIN_BLOCKED,            0xFFFF, UKEY_SO_PIN_BLOCKED  },
	{CARD_CMD_INITIALIZE,       SW_WRONG_DATA,             0xFFFF, UKEY_PIN_POLICY      },

 /* 6.4: to a command that carries a PIN. */
	{CARD_CMD_VERIFY_USER,      SW_SECURITY_STATUS,        0xFFFF, UKEY_CHANNEL_REQUIRED},
	{CARD_CMD_VERIFY_SO,        SW_SECURITY_STATUS,        0xFFFF, UKEY_CHANNEL_REQUIRED},
	{CARD_CMD_CHANGE_USER,      SW_SECURITY_STATUS,        0xFFFF, UKEY_CHANNEL_REQUIRED},
	{CARD_CMD_CHANGE_SO,        SW_SECURITY_STATUS,        0xFFFF, UKEY_CHANNEL_REQUIRED},
	{CARD_CMD_UNLOCK,           SW_SECURITY_STATUS,        0xFFFF, UKEY_CHANNEL_REQUIRED},
	{CARD_CMD_INITIALIZE,       SW_SECURITY_STATUS,        0xFFFF, UKEY_CHANNEL_REQUIRED},
	{CARD_CMD_UNLOCK_RESPOND,   SW_SECURITY_STATUS,        0xFFFF, UKEY_CHANNEL_REQUIRED},

 /* 5: unlock by phone; firmware that has none of it does not know the commands. */
	{CARD_CMD_UNLOCK_CHALLENGE, SW_REFERENCE_NOT_FOUND,    0xFFFF, UKEY_UNLOCK_NONE     },
	{CARD_CMD_UNLOCK_CHALLENGE, SW_INS_NOT_SUPPORTED,      0xFFFF, UKEY_UNLOCK_NONE     },
	{CARD_CMD_UNLOCK_CHALLENGE, SW_PIN_BLOCKED,            0xFFFF, UKEY_UNLOCK_BLOCKED  },
	{CARD_CMD_UNLOCK_RESPOND,   SW_TRIES_LEFT,             0xFFF0, UKEY_UNLOCK_WRONG    },
	{CARD_CMD_UNLOCK_RESPOND,   SW_REFERENCE_NOT_FOUND,    0xFFFF, UKEY_UNLOCK_NONE     },
	{CARD_CMD_UNLOCK_RESPOND,   SW_WRONG_P1P2,             0xFFFF, UKEY_UNLOCK_NONE     },
	{CARD_CMD_UNLOCK_RESPOND,   SW_PIN_BLOCKED,            0xFFFF, UKEY_UNLOCK_BLOCKED  },
	{CARD_CMD_UNLOCK_RESPOND,   SW_CONDITIONS,             0xFFFF, UKEY_UNLOCK_OVER     },
	{CARD_CMD_UNLOCK_RESPOND,   SW_WRONG_DATA,             0xFFFF, UKEY_PIN_POLICY      },
	{CARD_CMD_UNLOCK_PROOF,     SW_REFERENCE_NOT_FOUND,    0xFFFF, UKEY_UNLOCK_NONE     },
	{CARD_CMD_UNLOCK_PROOF,     SW_INS_NOT_SUPPORTED,      0xFFFF, UKEY_UNLOCK_NONE     },
	{CARD_CMD_UNLOCK_PROOF,     SW_CONDITIONS,             0xFFFF, UKEY_NOT_FOUND       },

 /* 8: statements about keys. */
	{CARD_CMD_ATTEST,           SW_CONDITIONS,             0xFFFF, UKEY_ATTEST_NONE     },
	{CARD_CMD_ATTEST,           SW_INS_NOT_SUPPORTED,      0xFFFF, UKEY_ATTEST_NONE     },

 /* 4.2, 6.2: a token that announces a device key and cannot use it has none. */
	{CARD_CMD_OPEN_CHANNEL,     SW_FUNCTION_NOT_SUPPORTED, 0xFFFF, UKEY_CHANNEL_FULL    },
	{CARD_CMD_AUTHENTICATE,     SW_REFERENCE_NOT_FOUND,    0xFFFF, UKEY_NOT_GENUINE     },
	{CARD_CMD_AUTHENTICATE,     SW_WRONG_DATA,             0xFFFF, UKEY_NOT_GENUINE     },
	{CARD_CMD_AUTHENTICATE,     SW_WRONG_P1P2,             0xFFFF, UKEY_NOT_GENUINE     },
	{CARD_CMD_AUTHENTICATE,     SW_INS_NOT_SUPPORTED,      0xFFFF, UKEY_NOT_GENUINE     },

 /* 4.6, 4.7: keys. */
	{CARD_CMD_GENERATE,         SW_WRONG_P1P2,             0xFFFF, UKEY_ALGORITHM       },
	{CARD_CMD_GENERATE,         SW_NVM_UNCHANGED,          0xFFFF, UKEY_KEYGEN_FAILED   },
	{CARD_CMD_IMPORT,           SW_WRONG_DATA,             0xFFFF, UKEY_KEY_INVALID     },
	{CARD_CMD_IMPORT,           SW_WRONG_P1P2,             0xFFFF, UKEY_ALGORITHM       },
	{CARD_CMD_SIGN,             SW_WRONG_DATA,             0xFFFF, UKEY_DATA_INVALID    },
	{CARD_CMD_SIGN,             SW_CONDITIONS,             0xFFFF, UKEY_KEY_USAGE       },
	{CARD_CMD_DECRYPT,          SW_WRONG_DATA,             0xFFFF, UKEY_DECRYPT_FAILED  },
	{CARD_CMD_DECRYPT,          SW_CONDITIONS,             0xFFFF, UKEY_KEY_USAGE       },
	{CARD_CMD_DERIVE,           SW_WRONG_DATA,             0xFFFF, UKEY_DATA_INVALID    },
	{CARD_CMD_DERIVE,           SW_CONDITIONS,             0xFFFF, UKEY_KEY_USAGE       },

 /* 4.5: an object that is too long as a whole. */
	{CARD_CMD_WRITE,            SW_WRONG_LENGTH,           0xFFFF, UKEY_TOO_LARGE       },

 /* 3: everywhere. */
	{ANY,		       SW_TOUCH_TIMEOUT,          0xFFFF, UKEY_TOUCH_TIMEOUT   },
	{ANY,		       SW_MEMORY_FAILURE,         0xFFFF, UKEY_TOKEN_FAILURE   },
	{ANY,		       SW_INTERNAL,               0xFFFF, UKEY_TOKEN_FAILURE   },
	{ANY,		       SW_SECURITY_STATUS,        0xFFFF, UKEY_NOT_LOGGED_IN   },
	{ANY,		       SW_CONDITIONS,             0xFFFF, UKEY_TOKEN_STATE     },
	{ANY,		       SW_NOT_FOUND,              0xFFFF, UKEY_NOT_FOUND       },
	{ANY,		       SW_REFERENCE_NOT_FOUND,    0xFFFF, UKEY_NOT_FOUND       },
	{ANY,		       SW_FULL,                   0xFFFF, UKEY_TOKEN_FULL      },
	{ANY,		       SW_EXISTS,                 0xFFFF, UKEY_EXISTS          },
	{ANY,		       SW_INS_NOT_SUPPORTED,      0xFFFF, UKEY_NOT_SUPPORTED   },
	{ANY,		       SW_CLA_NOT_SUPPORTED,      0xFFFF, UKEY_NOT_SUPPORTED   },
 /* The rest are answers to commands that we do not send. */
	{ANY,		       0,			 0x0000, UKEY_TOKEN_PROTOCOL  },
};

enum ukey_status card_meaning_of(const struct card_meaning *table, enum card_command command, uint16_t sw)
{
	size_t i = 0;

	while ((table[i].command != ANY && table[i].command != command) || (sw & table[i].mask) != table[i].sw)
		i++;
	return table[i].status;
}

enum ukey_status card_status(enum card_command command, uint16_t sw)
{
	return card_meaning_of(rows, command, sw);
}

enum ukey_status card_transact(struct card_port *p, enum ukey_status (*meaning)(enum card_command command, uint16_t sw),
	enum card_command command, const struct apdu *a, struct builder *answer)
{
	uint8_t none[CARD_SMALL_MAX];
	struct builder unwanted = builder_of(none, sizeof none);
	struct builder *to = answer ? answer : &unwanted;
	const size_t before = to->len;
	enum ukey_status status;

	p->sw = 0;
	status = p->send(p->ctx, a, to, &p->sw);
	if (status == UKEY_OK)
		status = meaning(command, p->sw);
	if (status == UKEY_OK && !answer && unwanted.len > 0)
		status = UKEY_TOKEN_PROTOCOL;
	if (status != UKEY_OK)
		to->len = before;
	bytes_wipe(none, unwanted.len);
	return status;
}

int card_tries(uint16_t sw)
{
	if (sw == SW_PIN_BLOCKED)
		return 0;
	return (sw & 0xFFF0) == SW_TRIES_LEFT ? sw & 0x0F : -1;
}
