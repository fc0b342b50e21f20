/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include "cli/text.h"

struct cell {
    char *text;
    enum style style;
};

struct table {
    struct cell *cells; /* the headings are the first row */
    size_t n, room;
    size_t columns;
};

static void add(struct table *t, enum style style, char *text)
{
    if (t->n == t->room) {
        t->room = t->room ? t->room * 2 : 32;
        t->cells = mem_resize(t->cells, t->room * sizeof *t->cells);
    }
    struct cell *cell = &t->cells[t->n++];
    cell->text = text;
    cell->style = style;
}

struct table *table_new(const char *const *headings)
{
    struct table *t = mem_new(sizeof *t);

    t->columns = headings ? 0 : 2;
    for (; headings && headings[t->columns]; t->columns++)
        add(t, STYLE_DIM, mem_text(headings[t->columns]));
    return t;
}

void table_free(struct table *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n; i++)
        mem_free(t->cells[i].text);
    mem_free(t->cells);
    mem_free(t);
}

void table_cell(struct table *t, enum style style, const char *text)
{
    add(t, style, text ? text_one_line(text) : mem_text("-"));
}

void table_pair(struct table *t, const char *name, enum style style, const char *value)
{
    if (!value)
        return;
    table_cell(t, STYLE_DIM, name);
    table_cell(t, style, value);
}

static size_t column_width(const struct table *t, size_t column)
{
    size_t width = 0;

    for (size_t i = column; i < t->n; i += t->columns) {
        size_t here = text_width(t->cells[i].text);
        width = here > width ? here : width;
    }
    return width;
}

static void print_column(const struct table *t, size_t row, size_t column, size_t width,
                         const struct stream *to)
{
    const struct cell *c = &t->cells[row + column];
    bool last = column + 1 == t->columns;

    (void)fprintf(to->file, "%s%s%s", style_on(to, c->style), c->text, style_off(to, c->style));
    (void)fprintf(to->file, "%*s", last ? 0 : (int)(width - text_width(c->text)) + 2, "");
}

void table_print(const struct table *t, const struct stream *to)
{
    scoped(mem_free) size_t *widths = mem_new_array(t->columns, sizeof *widths);

    for (size_t i = 0; i < t->columns; i++)
        widths[i] = column_width(t, i);
    for (size_t row = 0; row + t->columns <= t->n; row += t->columns) {
        for (size_t i = 0; i < t->columns; i++)
            print_column(t, row, i, widths[i], to);
        (void)fputc('\n', to->file);
    }
}
