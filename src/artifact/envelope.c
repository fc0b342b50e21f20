/* SPDX-License-Identifier: Apache-2.0
 *
 * A JSON scanner that can stop after any byte. It checks the whole document as it goes, so that
 * what is wrong is known, with its place, before the rest has been sent; it builds no values. What
 * it keeps (`rest`) is the document without white space and without the text of json.source, and
 * goes to the JSON parser at the end, which also finds keys that stand twice. Keys on the way to
 * the source must not wait for that: a second `json` or `source` is refused where it stands.
 *
 * Nearly all bytes are the source's. They go through base64_run() in one pass; everything else is
 * handled byte by byte.
 */
#include "artifact/envelope.h"

#include "artifact/base64.h"
#include "base/bounds.h"

#include <stdarg.h>

enum state {
    VALUE,        /* a value must follow */
    VALUE_OR_END, /* after [ */
    KEY,          /* after a comma in an object */
    KEY_OR_END,   /* after { */
    COLON,
    AFTER, /* after a value: a comma or the end of what it is in */
    TEXT,  /* in a string */
    ESCAPE,
    UNICODE,    /* in the four digits after \u */
    LOW_ESCAPE, /* after a high surrogate: the \ of the low one */
    LOW_U,      /* ... and its u */
    WORD,       /* in true, false, null */
    MINUS,      /* numbers: what has been read last */
    ZERO,
    DIGITS,
    POINT,
    FRACTION,
    EXPONENT,
    EXPONENT_SIGN,
    EXPONENT_DIGITS,
};

enum role { OTHER_TEXT, KEY_TEXT, SOURCE_TEXT };

/* Decoded bytes are gathered up to this much before they go to the sink. */
enum { SINK_SIZE = 32 * 1024, KEY_ROOM = 8 };

struct envelope {
    envelope_sink_fn sink;
    void *arg;
    enum state state;
    uint64_t at;      /* bytes of the document so far */
    unsigned depth;   /* containers that are open */
    uint64_t objects; /* bit d: the container at depth d + 1 is an object */
    bool in_json;     /* inside the object that `json` of the document is */

    enum role role;             /* of the string that is being read */
    unsigned utf8_left;         /* bytes that its character still needs */
    uint8_t utf8_min, utf8_max; /* and the range of the next */
    unsigned digits, unit;      /* of \uXXXX */
    unsigned high;              /* surrogate that waits for its other half */
    char key[KEY_ROOM];         /* of a key, as much as needed to know the two that matter */
    size_t n_key;
    const char *word; /* what must follow of true, false or null */

    bool json_seen, source_seen;
    bool json_next, source_next; /* the value that follows belongs to that key */
    const char *source_type;
    bool blames_source;

    struct base64 base64;
    size_t n_out;
    struct buf rest;
    uint8_t out[SINK_SIZE];
};

_Static_assert(LIMIT_JSON_DEPTH <= 64, "one bit of `objects` for each level");

struct envelope *envelope_new(envelope_sink_fn sink, void *arg)
{
    struct envelope *env = mem_new(sizeof *env);

    env->sink = sink;
    env->arg = arg;
    env->source_type = "undefined";
    return env;
}

void envelope_free(struct envelope *env)
{
    if (!env)
        return;
    buf_done(&env->rest);
    mem_free(env);
}

bool envelope_blames_source(const struct envelope *env)
{
    return env->blames_source;
}

const char *envelope_source_type(const struct envelope *env)
{
    return env->source_type;
}

/* --- faults -------------------------------------------------------------------------------- */

/* Also comes before any other fault is reported: which of two is met first must not depend on how
 * much of the document arrived at once. */
static int flush(struct envelope *env, struct err *e)
{
    size_t n = env->n_out;

    env->n_out = 0;
    if (n == 0 || env->sink(env->arg, env->out, n, e) == 0)
        return 0;
    env->blames_source = e->code == ERR_INPUT;
    return -1;
}

static int malformed(struct envelope *env, const char *what, struct err *e)
{
    if (flush(env, e) < 0)
        return -1;
    return err_set(e, ERR_INPUT, "the body is not valid JSON: %s at byte %llu", what,
                   (unsigned long long)env->at);
}

/* `fault` says what is wrong with the base64. */
static int bad_source(struct envelope *env, const struct err *fault, struct err *e)
{
    if (flush(env, e) < 0)
        return -1;
    env->blames_source = true;
    return err_set(e, ERR_INPUT, "source is %s", fault->msg);
}

static int keep(struct envelope *env, char c, struct err *e)
{
    if (env->rest.n == LIMIT_UPLOAD_REST) {
        if (flush(env, e) < 0)
            return -1;
        return err_set(e, ERR_TOO_LARGE, "the fields beside source are larger than %d bytes",
                       LIMIT_UPLOAD_REST);
    }
    buf_char(&env->rest, c);
    return 0;
}

/* --- the source ---------------------------------------------------------------------------- */

static int source_char(struct envelope *env, char c, struct err *e)
{
    scoped(err_clear) struct err fault = { 0 };

    if (env->n_out + 3 > SINK_SIZE && flush(env, e) < 0)
        return -1;
    if (base64_put(&env->base64, c, env->out + env->n_out, &env->n_out, &fault) < 0)
        return bad_source(env, &fault, e);
    return 0;
}

static int source_end(struct envelope *env, struct err *e)
{
    scoped(err_clear) struct err fault = { 0 };

    if (env->n_out + 3 > SINK_SIZE && flush(env, e) < 0)
        return -1;
    if (base64_finish(&env->base64, env->out + env->n_out, &env->n_out, &fault) < 0)
        return bad_source(env, &fault, e);
    return flush(env, e);
}

/* As many characters of the source as are plain base64; 0 when the next one is not. */
static size_t source_run(struct envelope *env, const char *data, size_t n, struct err *e)
{
    size_t room = (SINK_SIZE - env->n_out) / 3;

    if (room < 2) {
        if (flush(env, e) < 0)
            return SIZE_MAX;
        room = SINK_SIZE / 3;
    }
    size_t most = (room - 1) * 4;
    size_t taken =
        base64_run(&env->base64, data, n < most ? n : most, env->out + env->n_out, &env->n_out);
    env->at += taken;
    return taken;
}

/* --- strings ------------------------------------------------------------------------------- */

static int text_begin(struct envelope *env, enum role role, struct err *e)
{
    env->state = TEXT;
    env->role = role;
    env->n_key = 0;
    return keep(env, '"', e);
}

static bool key_is(const struct envelope *env, const char *name)
{
    return env->n_key == strlen(name) && memcmp(env->key, name, env->n_key) == 0;
}

static int key_end(struct envelope *env, struct err *e)
{
    env->json_next = env->depth == 1 && key_is(env, "json");
    env->source_next = env->depth == 2 && env->in_json && key_is(env, "source");
    if ((env->json_next && env->json_seen) || (env->source_next && env->source_seen))
        return malformed(env, "a key that stands twice ends", e);
    env->json_seen |= env->json_next;
    env->source_seen |= env->source_next;
    env->state = COLON;
    return 0;
}

static int text_end(struct envelope *env, struct err *e)
{
    if (env->role == SOURCE_TEXT && source_end(env, e) < 0)
        return -1;
    if (keep(env, '"', e) < 0)
        return -1;
    if (env->role == KEY_TEXT)
        return key_end(env, e);
    env->state = AFTER;
    return 0;
}

/* What a character of a string means, once it is known: ASCII as it is, all else as '\xff'. */
static int text_char(struct envelope *env, char c, struct err *e)
{
    if (env->role == SOURCE_TEXT)
        return source_char(env, c, e);
    if (env->role == KEY_TEXT && env->n_key < KEY_ROOM)
        env->key[env->n_key++] = c;
    return 0;
}

/* The first byte of a character beyond ASCII: how many follow, and which second one may (RFC 3629:
 * no overlong forms, no surrogates, nothing above U+10FFFF). */
static bool utf8_begin(struct envelope *env, uint8_t c)
{
    env->utf8_min = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    env->utf8_max = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    env->utf8_left = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
    return c >= 0xc2 && c <= 0xf4;
}

static int in_text(struct envelope *env, char c, struct err *e)
{
    uint8_t byte = (uint8_t)c;

    if (env->utf8_left > 0) {
        if (byte < env->utf8_min || byte > env->utf8_max)
            return malformed(env, "what is not UTF-8", e);
        env->utf8_min = 0x80;
        env->utf8_max = 0xbf;
        env->utf8_left--;
        return keep(env, c, e);
    }
    if (c == '"')
        return text_end(env, e);
    if (byte < 0x20)
        return malformed(env, "a control character in a string", e);
    if (c == '\\')
        env->state = ESCAPE;
    else if (byte >= 0x80 && env->role != SOURCE_TEXT && !utf8_begin(env, byte))
        return malformed(env, "what is not UTF-8", e);
    else if (text_char(env, c, e) < 0)
        return -1;
    return env->role == SOURCE_TEXT ? 0 : keep(env, c, e);
}

static int in_escape(struct envelope *env, char c, struct err *e)
{
    static const char plain[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
    const char *at = c ? strchr(plain, c) : NULL;

    if (c == 'u') {
        env->state = UNICODE;
        env->digits = 0;
        env->unit = 0;
    } else if (!at) {
        return malformed(env, "an unknown escape", e);
    } else {
        env->state = TEXT;
        if (text_char(env, means[at - plain], e) < 0)
            return -1;
    }
    return env->role == SOURCE_TEXT ? 0 : keep(env, c, e);
}

static int unicode_end(struct envelope *env, struct err *e)
{
    bool low = env->unit >= 0xdc00 && env->unit <= 0xdfff;

    if (low != (env->high > 0))
        return malformed(env, "half a surrogate pair", e);
    env->high = env->unit >= 0xd800 && env->unit <= 0xdbff ? env->unit : 0;
    env->state = env->high ? LOW_ESCAPE : TEXT;
    if (env->unit == 0)
        return malformed(env, "\\u0000, which is not accepted here,", e);
    return env->high ? 0 : text_char(env, (char)(env->unit < 0x80 ? env->unit : 0xff), e);
}

static int in_unicode(struct envelope *env, char c, struct err *e)
{
    unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                     : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                     : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                            : 16;

    if (digit == 16)
        return malformed(env, "a \\u without four digits", e);
    env->unit = env->unit << 4 | digit;
    if (++env->digits == 4 && unicode_end(env, e) < 0)
        return -1;
    return env->role == SOURCE_TEXT ? 0 : keep(env, c, e);
}

static int in_low_half(struct envelope *env, char c, struct err *e)
{
    if (c != (env->state == LOW_ESCAPE ? '\\' : 'u'))
        return malformed(env, "half a surrogate pair", e);
    env->digits = 0;
    env->unit = 0;
    env->state = env->state == LOW_ESCAPE ? LOW_U : UNICODE;
    return env->role == SOURCE_TEXT ? 0 : keep(env, c, e);
}

/* --- values -------------------------------------------------------------------------------- */

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool in_object(const struct envelope *env)
{
    return env->depth > 0 && (env->objects >> (env->depth - 1) & 1);
}

static int open_container(struct envelope *env, char c, struct err *e)
{
    if (env->depth == LIMIT_JSON_DEPTH)
        return malformed(env, "nesting that is too deep", e);
    uint64_t bit = UINT64_C(1) << env->depth;
    env->objects = c == '{' ? env->objects | bit : env->objects & ~bit;
    env->depth++;
    env->state = c == '{' ? KEY_OR_END : VALUE_OR_END;
    return keep(env, c, e);
}

static int close_container(struct envelope *env, char c, struct err *e)
{
    env->depth--;
    if (env->depth == 1)
        env->in_json = false;
    env->state = AFTER;
    return keep(env, c, e);
}

static const char *type_of(char c)
{
    switch (c) {
    case '"': return "string";
    case '{': return "object";
    case '[': return "array";
    case 't':
    case 'f': return "boolean";
    case 'n': return "null";
    }
    return "number";
}

static int value_begins(struct envelope *env, char c, struct err *e)
{
    bool json = env->json_next, source = env->source_next;

    env->json_next = env->source_next = false;
    if (source)
        env->source_type = type_of(c);
    switch (c) {
    case '"': return text_begin(env, source ? SOURCE_TEXT : OTHER_TEXT, e);
    case '{': env->in_json |= json; return open_container(env, c, e);
    case '[': return open_container(env, c, e);
    case 't': env->word = "rue"; break;
    case 'f': env->word = "alse"; break;
    case 'n': env->word = "ull"; break;
    case '-': env->state = MINUS; return keep(env, c, e);
    case '0': env->state = ZERO; return keep(env, c, e);
    default:
        if (!is_digit(c))
            return malformed(env, "no value", e);
        env->state = DIGITS;
        return keep(env, c, e);
    }
    env->state = WORD;
    return keep(env, c, e);
}

static int in_word(struct envelope *env, char c, struct err *e)
{
    if (c != *env->word)
        return malformed(env, "an unknown word", e);
    if (*++env->word == '\0')
        env->state = AFTER;
    return keep(env, c, e);
}

static int after_value(struct envelope *env, char c, struct err *e)
{
    if (env->depth == 0)
        return malformed(env, "something after the document", e);
    if (c == (in_object(env) ? '}' : ']'))
        return close_container(env, c, e);
    if (c != ',')
        return malformed(env, in_object(env) ? "no comma or }" : "no comma or ]", e);
    env->state = in_object(env) ? KEY : VALUE;
    return keep(env, c, e);
}

/* --- numbers ------------------------------------------------------------------------------- */

/* What a number is in after the next character, by what that is; AFTER: not part of it. */
enum digit_kind { IS_ZERO, IS_DIGIT, IS_POINT, IS_E, IS_SIGN, IS_NONE, DIGIT_KINDS };

/* clang-format off */
static const enum state NUMBER_NEXT[][DIGIT_KINDS] = {
    /*                     0                1 to 9           .      e E       + -            */
    [MINUS]           = { ZERO,            DIGITS,          AFTER, AFTER,    AFTER,         AFTER },
    [ZERO]            = { AFTER,           AFTER,           POINT, EXPONENT, AFTER,         AFTER },
    [DIGITS]          = { DIGITS,          DIGITS,          POINT, EXPONENT, AFTER,         AFTER },
    [POINT]           = { FRACTION,        FRACTION,        AFTER, AFTER,    AFTER,         AFTER },
    [FRACTION]        = { FRACTION,        FRACTION,        AFTER, EXPONENT, AFTER,         AFTER },
    [EXPONENT]        = { EXPONENT_DIGITS, EXPONENT_DIGITS, AFTER, AFTER,    EXPONENT_SIGN, AFTER },
    [EXPONENT_SIGN]   = { EXPONENT_DIGITS, EXPONENT_DIGITS, AFTER, AFTER,    AFTER,         AFTER },
    [EXPONENT_DIGITS] = { EXPONENT_DIGITS, EXPONENT_DIGITS, AFTER, AFTER,    AFTER,         AFTER },
};
/* clang-format on */

static enum digit_kind digit_kind(char c)
{
    switch (c) {
    case '0': return IS_ZERO;
    case '.': return IS_POINT;
    case 'e':
    case 'E': return IS_E;
    case '+':
    case '-': return IS_SIGN;
    }
    return is_digit(c) ? IS_DIGIT : IS_NONE;
}

static bool number_may_end(enum state s)
{
    return s == ZERO || s == DIGITS || s == FRACTION || s == EXPONENT_DIGITS;
}

static int step(struct envelope *env, char c, struct err *e);

static int in_number(struct envelope *env, char c, struct err *e)
{
    enum state next = NUMBER_NEXT[env->state][digit_kind(c)];

    if (next != AFTER) {
        env->state = next;
        return keep(env, c, e);
    }
    if (!number_may_end(env->state))
        return malformed(env, "a number that is not complete", e);
    env->state = AFTER;
    return step(env, c, e);
}

/* --- the whole ----------------------------------------------------------------------------- */

static int step(struct envelope *env, char c, struct err *e)
{
    if (env->state <= AFTER && is_space(c))
        return 0;
    switch (env->state) {
    case VALUE: return value_begins(env, c, e);
    case VALUE_OR_END: return c == ']' ? close_container(env, c, e) : value_begins(env, c, e);
    case KEY_OR_END:
        if (c == '}')
            return close_container(env, c, e);
        __attribute__((fallthrough));
    case KEY: return c == '"' ? text_begin(env, KEY_TEXT, e) : malformed(env, "no key", e);
    case COLON:
        if (c != ':')
            return malformed(env, "no colon", e);
        env->state = VALUE;
        return keep(env, c, e);
    case AFTER: return after_value(env, c, e);
    case TEXT: return in_text(env, c, e);
    case ESCAPE: return in_escape(env, c, e);
    case UNICODE: return in_unicode(env, c, e);
    case LOW_ESCAPE:
    case LOW_U: return in_low_half(env, c, e);
    case WORD: return in_word(env, c, e);
    case MINUS:
    case ZERO:
    case DIGITS:
    case POINT:
    case FRACTION:
    case EXPONENT:
    case EXPONENT_SIGN:
    case EXPONENT_DIGITS: return in_number(env, c, e);
    }
    return 0;
}

int envelope_feed(struct envelope *env, const void *data, size_t n, struct err *e)
{
    const char *at = data, *end = at + n;

    while (at < end) {
        if (env->state == TEXT && env->role == SOURCE_TEXT) {
            size_t run = source_run(env, at, (size_t)(end - at), e);
            if (run == SIZE_MAX)
                return -1;
            at += run;
            if (run > 0)
                continue;
        }
        if (step(env, *at, e) < 0)
            return -1;
        at++;
        env->at++;
    }
    return flush(env, e);
}

int envelope_finish(struct envelope *env, json_t **rest, struct err *e)
{
    json_error_t fault;

    if (number_may_end(env->state))
        env->state = AFTER;
    if (env->state == VALUE && env->depth == 0)
        buf_text(&env->rest, "{}");
    else if (env->state != AFTER || env->depth > 0)
        return malformed(env, "it ends too early,", e);
    json_t *value = json_load(buf_str(&env->rest), env->rest.n, JSON_REJECT_DUPLICATES, &fault);
    if (!value)
        return err_set(e, ERR_INPUT, "the body is not valid JSON: %s", fault.text);
    *rest = value;
    return 0;
}
