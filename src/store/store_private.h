/* SPDX-License-Identifier: Apache-2.0
 *
 * What the writer and the readers need of a connection; nothing outside of this folder includes it.
 */
#ifndef STORE_PRIVATE_H
#define STORE_PRIVATE_H

#include "store/store.h"

int db_open(const struct env *env, const char *path, bool read_only, struct db **out,
            struct err *e);
void db_close(struct db *db);
/* Since it was opened, or gave back its pages, something was taken from a reserve that holds more than a
 * little: perhaps for pages of this one. */
bool db_took_reserve(const struct db *db);
int db_migrate(struct db *db, bool in_use, struct err *e); /* in_use: of a store, it is not done */

int db_begin(struct db *db, struct err *e);
int db_commit(struct db *db, struct err *e); /* ERR_IO: its outcome is unknown */
void db_rollback(struct db *db);
bool db_is_open(const struct db *db); /* the transaction: a full disk may have undone it */

int db_savepoint(struct db *db, struct err *e);
int db_keep(struct db *db, struct err *e);
void db_undo(struct db *db); /* also forgets the topics named since the savepoint */

/* Takes the topics of the last transaction one by one, each once; NULL at the end. */
const char *db_next_change(struct db *db);

#endif
