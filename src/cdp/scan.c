/* SPDX-License-Identifier: Apache-2.0
 *
 * A machine of one state for each byte; inside of a string, where nearly all bytes are, it runs.
 */
#include "cdp/scan.h"

enum state {
    VALUE,       /* a value begins */
    FIRST_VALUE, /* or the list is empty */
    KEY,         /* a name begins */
    FIRST_KEY,   /* or the object is empty */
    COLON,
    AFTER, /* a value has ended: a comma, or the end of what it is in */
    NAME,  /* in the name of a member */
    NAME_ESCAPE,
    NAME_HEX,
    TEXT, /* in a string */
    TEXT_ESCAPE,
    TEXT_HEX,
    LITERAL,
    MINUS,
    ZERO,
    WHOLE,
    POINT,
    FRACTION,
    EXPONENT,
    EXPONENT_SIGN,
    POWER,
    END, /* of the object */
};

enum field { OTHER, ID, METHOD, SESSION, PARAMS, FIELDS };

static const char *const fields[FIELDS] = {
    [ID] = "id",
    [METHOD] = "method",
    [SESSION] = "sessionId",
    [PARAMS] = "params",
};

void cdp_scan_init(struct cdp_scan *s, size_t most)
{
    /* The list of brackets is written before it is read. */
    memset(s, 0, offsetof(struct cdp_scan, is_object));
    s->most = most;
    s->state = VALUE;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && c != '"' && c != '\\';
}

static char *field_text(struct cdp_scan *s)
{
    return s->field == ID ? s->id : s->field == METHOD ? s->method : s->session;
}

static bool is_noted(const struct cdp_scan *s)
{
    return s->depth == 1 && (s->field == ID || s->field == METHOD || s->field == SESSION);
}

static const char *note(struct cdp_scan *s, char c)
{
    if (!is_noted(s))
        return NULL;
    if (s->text_n + 1 >= CDP_NAME)
        return "its id, method or sessionId is too long";
    if (c < ' ' || c > '~')
        return "its id, method or sessionId has an odd character";
    field_text(s)[s->text_n++] = c;
    field_text(s)[s->text_n] = '\0';
    return NULL;
}

/* ---- brackets ---- */

static const char *open_bracket(struct cdp_scan *s, bool object)
{
    if (s->depth == CDP_DEPTH)
        return "it is nested too deep";
    uint8_t bit = (uint8_t)(1U << (s->depth % 8));
    if (object)
        s->is_object[s->depth / 8] |= bit;
    else
        s->is_object[s->depth / 8] &= (uint8_t)~bit;
    s->depth++;
    s->state = object ? FIRST_KEY : FIRST_VALUE;
    return NULL;
}

static bool in_object(const struct cdp_scan *s)
{
    return s->is_object[(s->depth - 1) / 8] >> ((s->depth - 1) % 8) & 1;
}

/* Where a value ends, `end` bytes into the message. */
static void end_value(struct cdp_scan *s, size_t end)
{
    s->state = s->depth > 0 ? AFTER : END;
    if (s->depth == 1) {
        if (s->field == PARAMS)
            s->params_n = end - s->params_at;
        s->field = OTHER;
    }
}

static const char *close_bracket(struct cdp_scan *s, char c)
{
    if (in_object(s) != (c == '}'))
        return "its brackets do not fit";
    s->depth--;
    end_value(s, s->n);
    return NULL;
}

/* ---- members and values ---- */

static const char *end_name(struct cdp_scan *s)
{
    s->state = COLON;
    if (s->depth != 1 || s->name_n >= sizeof s->name)
        return NULL;
    for (int f = ID; f < FIELDS; f++) {
        if (s->name_n != strlen(fields[f]) || memcmp(s->name, fields[f], s->name_n) != 0)
            continue;
        if (s->seen >> f & 1)
            return "it has a member twice";
        s->seen |= 1U << f;
        s->field = f;
        s->text_n = 0;
    }
    return NULL;
}

static const char *begin_value(struct cdp_scan *s, char c)
{
    static const char wrong[] = "its id is no whole number, or its method or sessionId no text";
    bool number = c == '-' || is_digit(c);

    if (s->depth == 0)
        return c == '{' ? open_bracket(s, true) : "it is no object";
    if (is_noted(s) && (s->field == ID ? !number : c != '"'))
        return wrong;
    if (s->depth == 1 && s->field == PARAMS)
        s->params_at = s->n - 1;
    switch (c) {
    case '{':
    case '[': return open_bracket(s, c == '{');
    case '"': s->state = TEXT; return NULL;
    case 't':
    case 'f':
    case 'n':
        s->literal = c == 't' ? "rue" : c == 'f' ? "alse" : "ull";
        s->state = LITERAL;
        return NULL;
    default:
        s->state = c == '-' ? MINUS : c == '0' ? ZERO : WHOLE;
        return number ? note(s, c) : "it is no JSON";
    }
}

/* What a character of a number can be. */
enum part { A_ZERO, A_DIGIT, A_POINT, AN_E, A_SIGN, PARTS };

static int part_of(char c)
{
    if (is_digit(c))
        return c == '0' ? A_ZERO : A_DIGIT;
    return c == '.' ? A_POINT : c == 'e' || c == 'E' ? AN_E : c == '+' || c == '-' ? A_SIGN : PARTS;
}

/* The state of a number after one more character of it; VALUE: it has ended before that. */
static int number_after(int state, char c)
{
    static const unsigned char next[END][PARTS] = {
        /* after 0, another digit, the point, an e, a sign */
        [MINUS] = { ZERO, WHOLE },
        [ZERO] = { VALUE, VALUE, POINT, EXPONENT },
        [WHOLE] = { WHOLE, WHOLE, POINT, EXPONENT },
        [POINT] = { FRACTION, FRACTION },
        [FRACTION] = { FRACTION, FRACTION, VALUE, EXPONENT },
        [EXPONENT] = { POWER, POWER, VALUE, VALUE, EXPONENT_SIGN },
        [EXPONENT_SIGN] = { POWER, POWER },
        [POWER] = { POWER, POWER },
    };
    int part = part_of(c);

    return part == PARTS ? VALUE : next[state][part];
}

static const char *after(struct cdp_scan *s, char c)
{
    if (c == ',') {
        s->state = in_object(s) ? KEY : VALUE;
        return NULL;
    }
    return c == '}' || c == ']' ? close_bracket(s, c) : "it is no JSON";
}

static const char *in_number(struct cdp_scan *s, char c)
{
    int next = number_after(s->state, c);

    if (next == VALUE) {
        if (s->state != ZERO && s->state != WHOLE && s->state != FRACTION && s->state != POWER)
            return "it is no JSON";
        end_value(s, s->n - 1);
        return is_space(c) ? NULL : after(s, c);
    }
    s->state = next;
    if (is_noted(s) && next != WHOLE && next != ZERO)
        return "its id is no whole number";
    return note(s, c);
}

static const char *in_text(struct cdp_scan *s, char c, bool name)
{
    if (c == '\\') {
        if (name ? s->depth == 1 : is_noted(s))
            return "a name, its method or its sessionId has an escape";
        s->state = name ? NAME_ESCAPE : TEXT_ESCAPE;
        return NULL;
    }
    if (c == '"') {
        if (name)
            return end_name(s);
        end_value(s, s->n);
        return NULL;
    }
    if (!is_plain(c))
        return "it is no JSON";
    if (!name)
        return note(s, c);
    if (s->name_n < sizeof s->name)
        s->name[s->name_n++] = c;
    return NULL;
}

static const char *in_escape(struct cdp_scan *s, char c)
{
    bool name = s->state == NAME_ESCAPE;

    s->left = 4;
    s->state = c == 'u' ? (name ? NAME_HEX : TEXT_HEX) : name ? NAME : TEXT;
    return strchr("\"\\/bfnrtu", c) ? NULL : "it is no JSON";
}

static const char *in_hex(struct cdp_scan *s, char c)
{
    if (--s->left == 0)
        s->state = s->state == NAME_HEX ? NAME : TEXT;
    return is_hex(c) ? NULL : "it is no JSON";
}

static const char *in_literal(struct cdp_scan *s, char c)
{
    if (c != *s->literal)
        return "it is no JSON";
    if (*++s->literal == '\0')
        end_value(s, s->n);
    return NULL;
}

/* What lies between names, values and brackets. */
static const char *between(struct cdp_scan *s, char c)
{
    if (is_space(c))
        return NULL;
    switch (s->state) {
    case VALUE: return begin_value(s, c);
    case FIRST_VALUE: return c == ']' ? close_bracket(s, c) : begin_value(s, c);
    case FIRST_KEY:
    case KEY:
        if (s->state == FIRST_KEY && c == '}')
            return close_bracket(s, c);
        s->state = NAME;
        s->name_n = 0;
        return c == '"' ? NULL : "it is no JSON";
    case COLON: s->state = VALUE; return c == ':' ? NULL : "it is no JSON";
    case AFTER: return after(s, c);
    default: /* END */ return "something stands behind the object";
    }
}

static const char *step(struct cdp_scan *s, char c)
{
    switch (s->state) {
    case NAME:
    case TEXT: return in_text(s, c, s->state == NAME);
    case NAME_ESCAPE:
    case TEXT_ESCAPE: return in_escape(s, c);
    case NAME_HEX:
    case TEXT_HEX: return in_hex(s, c);
    case LITERAL: return in_literal(s, c);
    case MINUS:
    case ZERO:
    case WHOLE:
    case POINT:
    case FRACTION:
    case EXPONENT:
    case EXPONENT_SIGN:
    case POWER: return in_number(s, c);
    default: return between(s, c);
    }
}

int cdp_scan(struct cdp_scan *s, const char *data, size_t n, size_t *used, const char **why)
{
    for (size_t i = 0; i < n; i++) {
        if (data[i] == '\0') {
            *used = i + 1;
            *why = "it ends too early";
            return s->state == END ? 1 : -1;
        }
        if (s->state == TEXT && !is_noted(s)) {
            size_t from = i;
            while (i < n && is_plain(data[i]))
                i++;
            s->n += i - from;
            if (i == n || data[i] == '\0') {
                i--;
                if (s->n <= s->most)
                    continue;
            }
        }
        if (s->n >= s->most) {
            *why = "it is too long";
            return -1;
        }
        s->n++;
        *why = step(s, data[i]);
        if (*why)
            return -1;
    }
    *used = n;
    return 0;
}
