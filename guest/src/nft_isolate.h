/* Networks of a level do not reach each other: by groups of devices, so that no rule is needed for each pair of bridges. */
#pragma once
#include "err.h"

/* IFLA_GROUP of bridges; and of those of internal networks. */
#define GROUP_BRIDGES 0x4e01u
#define GROUP_INTERNAL 0x4e02u

/* After nft_prepare; what is there already is left alone. */
int nft_isolate(struct err *e);
