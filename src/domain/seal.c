/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/seal.h"

#include "base/id.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_SIZE = 32, NONCE_SIZE = 12, TAG_SIZE = 16, VERSION = 1 };

/* Its key takes longer to make than a signature, and longer than a server that starts should wait
 * for what it needs later: it is made with the first. */
struct signer {
    pthread_mutex_t lock;
    EVP_MAC_CTX *ctx;
};

struct sealer {
    const struct env *env;
    unsigned char master[KEY_SIZE];
    struct signer *signer;
};

static int master_read(int fd, const char *path, unsigned char *master, struct err *e)
{
    struct stat st;
    char text[2 * KEY_SIZE + 2] = "";
    ssize_t n = read(fd, text, sizeof text - 1);

    if (n < 0 || fstat(fd, &st) < 0)
        return err_set_errno(e, ERR_IO, errno, "read the master key %s", path);
    if ((st.st_mode & 077) != 0)
        return err_set(e, ERR_PRECONDITION, "the master key %s can be read by others: chmod 600 it",
                       path);
    text[strcspn(text, "\n")] = '\0';
    bool good = strlen(text) == 2 * KEY_SIZE && hex_bytes(text, master, KEY_SIZE);
    OPENSSL_cleanse(text, sizeof text);
    if (!good)
        return err_set(e, ERR_PRECONDITION, "the master key %s is not 64 hex digits", path);
    return 0;
}

static int master_make(const struct env *env, const char *path, struct err *e)
{
    unsigned char master[KEY_SIZE];
    char text[2 * KEY_SIZE + 2];
    scoped(mem_free) char *temp = mem_format("%s.new", path);
    scoped(mem_free) char *dir = mem_text(path);
    scoped(fd_close) int fd = env->disk->open(env->disk, temp, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    rng_fill(env->rng, master, sizeof master);
    hex_text(master, sizeof master, text);
    text[2 * KEY_SIZE] = '\n';
    bool kept = fd >= 0 && disk_write_all(env->disk, fd, text, sizeof text - 1) == 0 &&
                env->disk->sync(env->disk, fd) == 0 &&
                env->disk->rename(env->disk, temp, path) == 0;
    OPENSSL_cleanse(master, sizeof master);
    OPENSSL_cleanse(text, sizeof text);
    if (!kept)
        return err_set_errno(e, ERR_IO, errno, "make the master key %s", path);
    char *slash = strrchr(dir, '/');
    if (slash)
        *slash = '\0';
    scoped(fd_close) int dir_fd =
        env->disk->open(env->disk, slash ? dir : ".", O_RDONLY | O_DIRECTORY, 0);
    if (dir_fd < 0 || env->disk->sync(env->disk, dir_fd) < 0)
        return err_set_errno(e, ERR_IO, errno, "make the master key durable");
    return 0;
}

/* libcrypto fails here only without memory or without these algorithms: nothing to go on with. */
static void need(bool ok)
{
    if (!ok)
        abort();
}

/* A key of its own for each purpose and, where there is one, each tenant. */
static void derive(const struct sealer *s, const char *purpose, const char *tenant,
                   unsigned char out[static KEY_SIZE])
{
    char digest[] = "SHA256";
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    unsigned char master[KEY_SIZE];
    scoped(mem_free) char *salt = mem_text(tenant);
    scoped(mem_free) char *info = mem_text(purpose);

    memcpy(master, s->master, sizeof master);
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, master, sizeof master),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt, strlen(salt)),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, strlen(info)),
        OSSL_PARAM_construct_end(),
    };
    need(ctx && EVP_KDF_derive(ctx, out, KEY_SIZE, params) == 1);
    OPENSSL_cleanse(master, sizeof master);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
}

static EVP_MAC_CTX *mac_new(const struct sealer *s)
{
    unsigned char key[KEY_SIZE];
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest,
                                                                   0),
                                  OSSL_PARAM_construct_end() };
    EVP_MAC *method = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(method);

    derive(s, "impresario audit", "", key);
    need(ctx && EVP_MAC_init(ctx, key, sizeof key, params) == 1);
    OPENSSL_cleanse(key, sizeof key);
    EVP_MAC_free(method);
    return ctx;
}

int sealer_open(const struct env *env, const char *path, bool create, struct sealer **out,
                struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT && create) {
        if (master_make(env, path, e) < 0)
            return -1;
        fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    if (fd < 0)
        return err_set_errno(e, ERR_PRECONDITION, errno, "open the master key %s", path);
    struct sealer *s = mem_new(sizeof *s);
    s->env = env;
    s->signer = mem_new(sizeof *s->signer);
    pthread_mutex_init(&s->signer->lock, NULL);
    int r = master_read(fd, path, s->master, e);
    fd_close(fd);
    if (r < 0) {
        sealer_close(s);
        return -1;
    }
    *out = s;
    return 0;
}

void sealer_close(struct sealer *s)
{
    if (!s)
        return;
    EVP_MAC_CTX_free(s->signer->ctx);
    pthread_mutex_destroy(&s->signer->lock);
    mem_free(s->signer);
    OPENSSL_cleanse(s, sizeof *s);
    mem_free(s);
}

static EVP_CIPHER_CTX *cipher(const struct sealer *s, const char *tenant, const char *row,
                              const unsigned char *nonce, int encrypt)
{
    unsigned char key[KEY_SIZE];
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    scoped(mem_free) char *identity = mem_format("%d|%s|%s", VERSION, tenant, row);
    int n;

    derive(s, "impresario credential", tenant, key);
    need(ctx && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce, encrypt) == 1);
    need(EVP_CipherUpdate(ctx, NULL, &n, (const unsigned char *)identity, (int)strlen(identity)) ==
         1);
    OPENSSL_cleanse(key, sizeof key);
    return ctx;
}

void seal(const struct sealer *s, const char *tenant, const char *row, const char *value,
          struct buf *out)
{
    size_t size = strlen(value);
    unsigned char *to = (unsigned char *)buf_reserve(out, 1 + NONCE_SIZE + size + TAG_SIZE);
    int n;

    to[0] = VERSION;
    rng_fill(s->env->rng, to + 1, NONCE_SIZE);
    EVP_CIPHER_CTX *ctx = cipher(s, tenant, row, to + 1, 1);
    unsigned char *text = to + 1 + NONCE_SIZE;
    need(EVP_CipherUpdate(ctx, text, &n, (const unsigned char *)value, (int)size) == 1);
    need(EVP_CipherFinal_ex(ctx, text + size, &n) == 1);
    need(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, text + size) == 1);
    EVP_CIPHER_CTX_free(ctx);
    buf_grew(out, 1 + NONCE_SIZE + size + TAG_SIZE);
}

int unseal(const struct sealer *s, const char *tenant, const char *row, const void *sealed,
           size_t n, char **out, struct err *e)
{
    const unsigned char *from = sealed;
    unsigned char tag[TAG_SIZE];
    int part;

    if (n < 1 + NONCE_SIZE + TAG_SIZE || from[0] != VERSION)
        return err_set(e, ERR_INTERNAL, "a sealed value has an unknown form");
    size_t size = n - 1 - NONCE_SIZE - TAG_SIZE;
    char *text = mem_new(size + 1);
    EVP_CIPHER_CTX *ctx = cipher(s, tenant, row, from + 1, 0);
    memcpy(tag, from + n - TAG_SIZE, sizeof tag);
    bool good = EVP_CipherUpdate(ctx, (unsigned char *)text, &part, from + 1 + NONCE_SIZE,
                                 (int)size) == 1 &&
                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, tag) == 1 &&
                EVP_CipherFinal_ex(ctx, (unsigned char *)text + size, &part) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (!good) {
        secret_free(text);
        return err_set(
            e, ERR_INTERNAL,
            "a sealed value does not open: it was changed, or the master key is another");
    }
    *out = text;
    return 0;
}

void seal_mac(const struct sealer *s, const char *text, char out[static SEAL_MAC_SIZE])
{
    struct signer *signer = s->signer;
    unsigned char mac[32];
    size_t n;

    pthread_mutex_lock(&signer->lock);
    if (!signer->ctx)
        signer->ctx = mac_new(s);
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(signer->ctx);
    pthread_mutex_unlock(&signer->lock);
    need(ctx && EVP_MAC_update(ctx, (const unsigned char *)text, strlen(text)) == 1 &&
         EVP_MAC_final(ctx, mac, &n, sizeof mac) == 1);
    EVP_MAC_CTX_free(ctx);
    hex_text(mac, sizeof mac, out);
}

void secret_free(char *text)
{
    if (text)
        OPENSSL_cleanse(text, strlen(text));
    mem_free(text);
}
