/*
 * pg_tool.h: what looks at models, and what does several things in one call.
 */
#ifndef PG_TOOL_H
#define PG_TOOL_H

#include "pg_train.h"

#endif
