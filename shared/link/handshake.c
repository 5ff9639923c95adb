#include "shared/link/handshake.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/text.h"

_Static_assert(crypto_auth_hmacsha256_BYTES == sizeof((struct handshake *)0)->expected, "a MAC");
_Static_assert(crypto_auth_hmacsha256_BYTES * 2 + 1 == WIRE_MAC_SIZE, "a MAC in hex");
_Static_assert(crypto_auth_hmacsha256_KEYBYTES == LINK_KEY_BYTES, "a key");

/* Indexed by enum wire_role: what the prover is. Neither begins with the other, so the role is told
 * without a length, and no proof is good for the other role: a reflected one proves nothing. */
static const char *const labels[] = {"ttyferry link 1 host", "ttyferry link 1 guest"};

int handshake_hello_line(struct handshake *handshake, const struct handshake_config *config,
                         char **line, size_t *len)
{
    unsigned char nonce[(WIRE_NONCE_SIZE - 1) / 2];
    struct wire_hello *ours = &handshake->ours;

    handshake->config = config;
    ours->protocol = WIRE_PROTOCOL_VERSION;
    ours->role = config->role;
    ours->auth = config->method;
    text_copy(ours->agent, sizeof ours->agent, "ttyferry " TTYFERRY_VERSION);
    text_copy(ours->run, sizeof ours->run, config->run);
    if (config->import != NULL) {
        text_copy(ours->import, sizeof ours->import, config->import);
    }
    randombytes_buf(nonce, sizeof nonce);
    sodium_bin2hex(ours->nonce, sizeof ours->nonce, nonce, sizeof nonce);
    return wire_hello_to_line(ours, line, len);
}

static int refuse(struct wire_bye *bye, int error, const char *code, const char *message)
{
    text_copy(bye->code, sizeof bye->code, code);
    text_copy(bye->message, sizeof bye->message, message);
    return error;
}

static int refuse_version(struct wire_bye *bye, int protocol)
{
    char message[WIRE_TEXT_SIZE];

    snprintf(message, sizeof message,
             "this agent speaks protocol %d, the peer %d: update the older side",
             WIRE_PROTOCOL_VERSION, protocol);
    return refuse(bye, ERR_VERSION, "version", message);
}

/* Whatever the peer offers, only what this side is configured for counts: no downgrade. */
static int check_method(const struct handshake_config *config, const struct wire_hello *hello,
                        struct wire_bye *bye)
{
    if (hello->auth == config->method) {
        return 0;
    }
    if (hello->auth == WIRE_AUTH_OTHER) {
        return refuse(bye, ERR_AUTH, "auth",
                      "the peer offers a method of authentication that this agent doesn't know: "
                      "update the older side");
    }
    if (config->method == WIRE_AUTH_KEY) {
        return refuse(bye, ERR_AUTH, "auth",
                      "this agent takes no unauthenticated peer: remove \"link\": {\"auth\": "
                      "\"none\"} from the peer's configuration, or, where every local program may "
                      "be trusted, set it in both");
    }
    return refuse(
        bye, ERR_AUTH, "auth",
        "this agent is configured with \"link\": {\"auth\": \"none\"}, but the peer wants "
        "a key proven: set the same in both configurations");
}

static int check_hello(const struct handshake_config *config, const struct wire_hello *hello,
                       struct wire_bye *bye)
{
    if (hello->role == config->role) {
        return refuse(bye, ERR_INVALID, "role",
                      config->role == WIRE_ROLE_HOST ? "both ends of this link are host agents"
                                                     : "both ends of this link are guest agents");
    }
    if (hello->role == WIRE_ROLE_GUEST && hello->import[0] != '\0') {
        return refuse(bye, ERR_INVALID, "invalid", "a guest agent opens no connection for imports");
    }
    return check_method(config, hello, bye);
}

int handshake_take_hello(struct handshake *handshake, const char *line, size_t len,
                         struct wire_bye *bye)
{
    struct wire_hello hello = {0};
    int result = wire_hello_from_line(line, len, &hello, bye);

    if (result == ERR_CLOSED) {
        return ERR_CLOSED;
    }
    if (result == ERR_VERSION) {
        return refuse_version(bye, hello.protocol);
    }
    if (result != 0) {
        return refuse(bye, ERR_INVALID, "invalid", "the first line is not a hello of ttyferry");
    }
    result = check_hello(handshake->config, &hello, bye);
    if (result == 0) {
        handshake->peer = hello;
    }
    return result;
}

/* Each field with its length before it, so that no two sets of fields give the same bytes. */
static void add_field(crypto_auth_hmacsha256_state *state, const char *text)
{
    size_t len = strlen(text);
    const unsigned char prefix[2] = {(unsigned char)(len >> 8), (unsigned char)len};

    crypto_auth_hmacsha256_update(state, prefix, sizeof prefix);
    crypto_auth_hmacsha256_update(state, (const unsigned char *)text, len);
}

static void make_mac(const struct handshake *handshake, const struct link_key *key,
                     enum wire_role prover, unsigned char mac[crypto_auth_hmacsha256_BYTES])
{
    bool we_are_host = handshake->ours.role == WIRE_ROLE_HOST;
    const struct wire_hello *host = we_are_host ? &handshake->ours : &handshake->peer;
    const struct wire_hello *guest = we_are_host ? &handshake->peer : &handshake->ours;
    crypto_auth_hmacsha256_state state;
    char version[16];

    snprintf(version, sizeof version, "%d", WIRE_PROTOCOL_VERSION);
    crypto_auth_hmacsha256_init(&state, key->bytes, sizeof key->bytes);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)labels[prover],
                                  strlen(labels[prover]));
    add_field(&state, version);
    add_field(&state, host->import);
    add_field(&state, host->nonce);
    add_field(&state, guest->nonce);
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_memzero(&state, sizeof state);
}

int handshake_proof_line(struct handshake *handshake, char **line, size_t *len,
                         char reason[HANDSHAKE_REASON_SIZE])
{
    const struct handshake_config *config = handshake->config;
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    struct wire_proof proof;
    struct link_key key;

    if (config->read_key(config->key_context, &key, reason) != 0) {
        return ERR_AUTH;
    }
    make_mac(handshake, &key, config->role, mac);
    make_mac(handshake, &key, handshake->peer.role, handshake->expected);
    link_key_wipe(&key);
    sodium_bin2hex(proof.mac, sizeof proof.mac, mac, sizeof mac);
    return wire_proof_to_line(&proof, line, len);
}

int handshake_take_proof(struct handshake *handshake, const char *line, size_t len,
                         struct wire_bye *bye)
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    struct wire_proof proof;
    int result = wire_proof_from_line(line, len, &proof, bye);

    if (result == ERR_CLOSED) {
        return ERR_CLOSED;
    }
    if (result != 0 ||
        sodium_hex2bin(mac, sizeof mac, proof.mac, sizeof proof.mac - 1, NULL, NULL, NULL) != 0) {
        return refuse(bye, ERR_INVALID, "invalid", "no proof of the key follows the hello");
    }
    if (sodium_memcmp(mac, handshake->expected, sizeof mac) != 0) {
        return refuse(bye, ERR_AUTH, "auth",
                      "the two sides have different keys, or the peer has none: "
                      "`ttyferry.exe pair --renew` on Windows gives both a new one");
    }
    return 0;
}
