/*
 * pg_tool.h: functions that inspect models, or do several things in one call.
 */
#ifndef PG_TOOL_H
#define PG_TOOL_H

#include "pg_train.h"

#endif
