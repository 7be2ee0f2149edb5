/* SPDX-License-Identifier: Apache-2.0 */
/* Status words of PIV cards, SP 800-73-4 part 2 and what is seen in the field: the first row that fits answers. */
#include "driver/card/piv.h"

#define ANY CARD_COMMANDS

/* First YubiKeys (NEO): 630x where the standard has 63Cx. */
#define SW_TRIES_LEFT_OLD  0x6300
#define SW_WRONG_PARAMETER 0x6B00

static const struct card_meaning rows[] = {
	{ANY,		   SW_OK,		     0xFFFF, UKEY_OK                      },

	{CARD_CMD_SELECT,       0,                         0x0000, UKEY_FOREIGN_CARD            },

	{CARD_CMD_VERIFY_USER,  SW_TRIES_LEFT,             0xFFF0, UKEY_PIN_INCORRECT           },
	{CARD_CMD_VERIFY_USER,  SW_TRIES_LEFT_OLD,         0xFFF0, UKEY_PIN_INCORRECT           },
	{CARD_CMD_VERIFY_USER,  SW_PIN_BLOCKED,            0xFFFF, UKEY_PIN_BLOCKED             },
	{CARD_CMD_VERIFY_USER,  SW_REFERENCE_NOT_USABLE,   0xFFFF, UKEY_PIN_BLOCKED             },
	{CARD_CMD_VERIFY_USER,  SW_REFERENCE_NOT_FOUND,    0xFFFF, UKEY_PIN_NOT_SET             },
	{CARD_CMD_VERIFY_USER,  SW_WRONG_DATA,             0xFFFF, UKEY_PIN_LENGTH              },
	{CARD_CMD_CHANGE_USER,  SW_TRIES_LEFT,             0xFFF0, UKEY_PIN_INCORRECT           },
	{CARD_CMD_CHANGE_USER,  SW_TRIES_LEFT_OLD,         0xFFF0, UKEY_PIN_INCORRECT           },
	{CARD_CMD_CHANGE_USER,  SW_PIN_BLOCKED,            0xFFFF, UKEY_PIN_BLOCKED             },
	{CARD_CMD_CHANGE_USER,  SW_REFERENCE_NOT_FOUND,    0xFFFF, UKEY_PIN_NOT_SET             },
	{CARD_CMD_CHANGE_USER,  SW_WRONG_DATA,             0xFFFF, UKEY_PIN_POLICY              },
	{CARD_CMD_CHANGE_USER,  SW_CONDITIONS,             0xFFFF, UKEY_PIN_POLICY              },
	{CARD_CMD_CHANGE_SO,    SW_TRIES_LEFT,             0xFFF0, UKEY_SO_PIN_INCORRECT        },
	{CARD_CMD_CHANGE_SO,    SW_TRIES_LEFT_OLD,         0xFFF0, UKEY_SO_PIN_INCORRECT        },
	{CARD_CMD_CHANGE_SO,    SW_PIN_BLOCKED,            0xFFFF, UKEY_SO_PIN_BLOCKED          },
	{CARD_CMD_CHANGE_SO,    SW_REFERENCE_NOT_FOUND,    0xFFFF, UKEY_NOT_SUPPORTED           },
	{CARD_CMD_CHANGE_SO,    SW_WRONG_DATA,             0xFFFF, UKEY_PIN_POLICY              },
	{CARD_CMD_CHANGE_SO,    SW_CONDITIONS,             0xFFFF, UKEY_PIN_POLICY              },
	{CARD_CMD_UNLOCK,       SW_TRIES_LEFT,             0xFFF0, UKEY_SO_PIN_INCORRECT        },
	{CARD_CMD_UNLOCK,       SW_TRIES_LEFT_OLD,         0xFFF0, UKEY_SO_PIN_INCORRECT        },
	{CARD_CMD_UNLOCK,       SW_PIN_BLOCKED,            0xFFFF, UKEY_SO_PIN_BLOCKED          },
	{CARD_CMD_UNLOCK,       SW_REFERENCE_NOT_FOUND,    0xFFFF, UKEY_NOT_SUPPORTED           },
	{CARD_CMD_UNLOCK,       SW_WRONG_DATA,             0xFFFF, UKEY_PIN_POLICY              },
	{CARD_CMD_UNLOCK,       SW_CONDITIONS,             0xFFFF, UKEY_PIN_POLICY              },

 /* A PIN that may not come this way: over the air without secure messaging. */
	{CARD_CMD_VERIFY_USER,  SW_SECURITY_STATUS,        0xFFFF, UKEY_NOT_SUPPORTED           },
	{CARD_CMD_CHANGE_USER,  SW_SECURITY_STATUS,        0xFFFF, UKEY_NOT_SUPPORTED           },
	{CARD_CMD_CHANGE_SO,    SW_SECURITY_STATUS,        0xFFFF, UKEY_NOT_SUPPORTED           },
	{CARD_CMD_UNLOCK,       SW_SECURITY_STATUS,        0xFFFF, UKEY_NOT_SUPPORTED           },

 /* 3.2.1: P1 FF is new in -4; whatever an older card says to it. */
	{CARD_CMD_LOGOUT,       0,                         0x0000, UKEY_NOT_SUPPORTED           },

 /* 3.2.4: a slot whose key is of another algorithm than it was, or gone. */
	{CARD_CMD_SIGN,         SW_WRONG_DATA,             0xFFFF, UKEY_DATA_INVALID            },
	{CARD_CMD_SIGN,         SW_CONDITIONS,             0xFFFF, UKEY_KEY_USAGE               },
	{CARD_CMD_DECRYPT,      SW_WRONG_DATA,             0xFFFF, UKEY_DECRYPT_FAILED          },
	{CARD_CMD_DECRYPT,      SW_CONDITIONS,             0xFFFF, UKEY_KEY_USAGE               },
	{CARD_CMD_DERIVE,       SW_WRONG_DATA,             0xFFFF, UKEY_DATA_INVALID            },
	{CARD_CMD_DERIVE,       SW_CONDITIONS,             0xFFFF, UKEY_KEY_USAGE               },
	{CARD_CMD_SIGN,         SW_WRONG_P1P2,             0xFFFF, UKEY_NOT_FOUND               },
	{CARD_CMD_DECRYPT,      SW_WRONG_P1P2,             0xFFFF, UKEY_NOT_FOUND               },
	{CARD_CMD_DERIVE,       SW_WRONG_P1P2,             0xFFFF, UKEY_NOT_FOUND               },

 /* 3.2.4 with 9B: the management key, or its kind, is not this one. */
	{CARD_CMD_AUTHENTICATE, SW_SECURITY_STATUS,        0xFFFF, UKEY_MANAGEMENT_KEY_INCORRECT},
	{CARD_CMD_AUTHENTICATE, SW_WRONG_DATA,             0xFFFF, UKEY_MANAGEMENT_KEY_INCORRECT},
	{CARD_CMD_AUTHENTICATE, SW_WRONG_P1P2,             0xFFFF, UKEY_MANAGEMENT_KEY_INCORRECT},
	{CARD_CMD_AUTHENTICATE, SW_CONDITIONS,             0xFFFF, UKEY_MANAGEMENT_KEY_INCORRECT},
	{CARD_CMD_AUTHENTICATE, SW_REFERENCE_NOT_FOUND,    0xFFFF, UKEY_MANAGEMENT_KEY_INCORRECT},
	{CARD_CMD_AUTHENTICATE, SW_FUNCTION_NOT_SUPPORTED, 0xFFFF, UKEY_MANAGEMENT_KEY_INCORRECT},
	{CARD_CMD_AUTHENTICATE, SW_PIN_BLOCKED,            0xFFFF, UKEY_MANAGEMENT_KEY_INCORRECT},
	{CARD_CMD_AUTHENTICATE, SW_NOT_FOUND,              0xFFFF, UKEY_MANAGEMENT_KEY_INCORRECT},
	{CARD_CMD_AUTHENTICATE, SW_WRONG_LENGTH,           0xFFFF, UKEY_MANAGEMENT_KEY_INCORRECT},
	{CARD_CMD_AUTHENTICATE, SW_WRONG_PARAMETER,        0xFFFF, UKEY_MANAGEMENT_KEY_INCORRECT},
	{CARD_CMD_AUTHENTICATE, 0x6300,                    0xFF00, UKEY_MANAGEMENT_KEY_INCORRECT},

 /* 3.3.1, 3.3.2 */
	{CARD_CMD_WRITE,        SW_WRONG_LENGTH,           0xFFFF, UKEY_TOO_LARGE               },
	{CARD_CMD_WRITE,        SW_WRONG_DATA,             0xFFFF, UKEY_DATA_INVALID            },
	{CARD_CMD_WRITE,        SW_NOT_FOUND,              0xFFFF, UKEY_NOT_SUPPORTED           },
	{CARD_CMD_GENERATE,     SW_WRONG_DATA,             0xFFFF, UKEY_ALGORITHM               },
	{CARD_CMD_GENERATE,     SW_WRONG_P1P2,             0xFFFF, UKEY_NOT_SUPPORTED           },
	{CARD_CMD_GENERATE,     SW_WRONG_PARAMETER,        0xFFFF, UKEY_NOT_SUPPORTED           },
	{CARD_CMD_GENERATE,     SW_REFERENCE_NOT_FOUND,    0xFFFF, UKEY_NOT_SUPPORTED           },

	{ANY,		   SW_MEMORY_FAILURE,         0xFFFF, UKEY_TOKEN_FAILURE           },
	{ANY,		   SW_INTERNAL,               0xFFFF, UKEY_TOKEN_FAILURE           },
	{ANY,		   SW_SECURITY_STATUS,        0xFFFF, UKEY_NOT_LOGGED_IN           },
	{ANY,		   SW_CONDITIONS,             0xFFFF, UKEY_TOKEN_STATE             },
	{ANY,		   SW_NOT_FOUND,              0xFFFF, UKEY_NOT_FOUND               },
	{ANY,		   SW_REFERENCE_NOT_FOUND,    0xFFFF, UKEY_NOT_FOUND               },
	{ANY,		   SW_FULL,                   0xFFFF, UKEY_TOKEN_FULL              },
	{ANY,		   SW_FUNCTION_NOT_SUPPORTED, 0xFFFF, UKEY_NOT_SUPPORTED           },
	{ANY,		   SW_INS_NOT_SUPPORTED,      0xFFFF, UKEY_NOT_SUPPORTED           },
	{ANY,		   SW_CLA_NOT_SUPPORTED,      0xFFFF, UKEY_NOT_SUPPORTED           },
	{ANY,		   0,			 0x0000, UKEY_TOKEN_PROTOCOL          },
};

enum ukey_status piv_status(enum card_command command, uint16_t sw)
{
	return card_meaning_of(rows, command, sw);
}

/* Each of these is rare enough, as an answer of PIV to this command, to ask whose it is. */
static const struct {
	enum card_command command;
	uint16_t sw;
} strange[] = {
	{CARD_CMD_VERIFY_USER, SW_REFERENCE_NOT_FOUND},
	{CARD_CMD_CHANGE_USER, SW_REFERENCE_NOT_FOUND},
	{CARD_CMD_CHANGE_SO,   SW_REFERENCE_NOT_FOUND},
	{CARD_CMD_UNLOCK,      SW_REFERENCE_NOT_FOUND},
	{CARD_CMD_VERIFY_USER, SW_SECURITY_STATUS    },
	{CARD_CMD_CHANGE_USER, SW_SECURITY_STATUS    },
	{CARD_CMD_CHANGE_SO,   SW_SECURITY_STATUS    },
	{CARD_CMD_UNLOCK,      SW_SECURITY_STATUS    },
	{CARD_CMD_VERIFY_USER, SW_NOT_FOUND          },
	{CARD_CMD_CHANGE_USER, SW_NOT_FOUND          },
	{CARD_CMD_CHANGE_SO,   SW_NOT_FOUND          },
	{CARD_CMD_UNLOCK,      SW_NOT_FOUND          },
	{CARD_CMD_READ,        SW_SECURITY_STATUS    },
	{CARD_CMD_READ,        SW_CONDITIONS         },
	{CARD_CMD_READ,        SW_REFERENCE_NOT_FOUND},
 /* The PIN is asked for again (9C), or another program logged out; or it is not PIV that says so. */
	{CARD_CMD_SIGN,        SW_SECURITY_STATUS    },
	{CARD_CMD_DECRYPT,     SW_SECURITY_STATUS    },
	{CARD_CMD_DERIVE,      SW_SECURITY_STATUS    },
	{CARD_CMD_SIGN,        SW_NOT_FOUND          },
	{CARD_CMD_DECRYPT,     SW_NOT_FOUND          },
	{CARD_CMD_DERIVE,      SW_NOT_FOUND          },
	{CARD_CMD_SIGN,        SW_REFERENCE_NOT_FOUND},
	{CARD_CMD_DECRYPT,     SW_REFERENCE_NOT_FOUND},
	{CARD_CMD_DERIVE,      SW_REFERENCE_NOT_FOUND},
};

bool piv_is_strange(enum card_command command, uint16_t sw)
{
	/* Said of itself by an application that has no such command, or has it with other parameters. */
	if (sw == SW_INS_NOT_SUPPORTED || sw == SW_CLA_NOT_SUPPORTED || sw == SW_FUNCTION_NOT_SUPPORTED ||
		sw == SW_WRONG_P1P2 || sw == SW_WRONG_PARAMETER || sw == SW_WRONG_LENGTH)
		return true;
	for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++)
		if (strange[i].command == command && strange[i].sw == sw)
			return true;
	return false;
}
