/* chat_doctor.h - the part of chat that finds out what keeps it from working:
 * a line for each thing that a question needs, in the order it needs them.
 */
#include <dirent.h>
#include <netdb.h>

/* A way to the service: over IPv4 or IPv6. */
struct way {
    int family;
    struct addrinfo *addresses;
    char text[128]; /* what there is to say of it */
};

struct examination {
    puter_options options; /* those of the command line, without the token */
    const char *token;     /* of the command line */
    const char *origin;
    char host[256]; /* of the origin; "" where it has none */
    char port[8];
    bool secure;
    const char *proxy; /* the variable that names one, or NULL */
    struct way v4, v6;
    struct terminal *terminal;
    puter_client *client;
    puter_reply version; /* the answer to what is asked first... */
    puter_result asked;  /* ...or why there is none */
    const char *what;    /* is being looked at */
    bool well;           /* it is */
    bool all_well;       /* and so was everything before */
};

/* Writes the line on what is being looked at; what was interrupted tells
 * nothing. */
static void note(struct examination *x, bool well, const char *format, ...)
{
    char *said, *line;
    va_list values;
    if (interrupted)
        return;
    va_start(values, format);
    said = format_values(format, values);
    va_end(values);
    line = format_text("%-6s  %s: %s\n", well ? "ok" : "FAILED", x->what, said);
    show_text(x->terminal, line, strlen(line));
    free(line);
    free(said);
    x->well = well;
    x->all_well &= well;
}

/* ---- this machine ------------------------------------------------------- */

/* Certificates are of a time: one of 2024 is older than this program. */
static void examine_clock(struct examination *x)
{
    time_t now = time(NULL);
    struct tm *day = gmtime(&now);
    bool right = day && day->tm_year >= 2024 - 1900;
    char text[32] = "unknown";
    if (day)
        strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", day);
    note(x, right, "%s%s", text, right ? "" : "; set this machine's clock");
}

/* Where puter.h looks for roots. NULL: nowhere. */
static const char *store_path(const struct examination *x)
{
    static const char *const places[] = {
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
        "/usr/local/share/certs/ca-root-nss.crt",
        "/etc/openssl/certs/ca-certificates.crt",
        "/etc/ssl/certs",
        "/etc/openssl/certs"};
    const char *path = x->options.ca_file;
    size_t i;
    if (!path)
        path = variable("SSL_CERT_FILE");
    if (!path)
        path = variable("SSL_CERT_DIR");
    for (i = 0; !path && i < sizeof places / sizeof places[0]; i++)
        if (access(places[i], R_OK) == 0)
            path = places[i];
    return path;
}

static size_t count_in_file(const char *path)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----";
    FILE *file = fopen(path, "r");
    char line[128];
    size_t count = 0;
    while (file && fgets(line, sizeof line, file))
        count += strncmp(line, begin, sizeof begin - 1) == 0;
    if (file)
        fclose(file);
    return count;
}

/* How many certificates there are in a PEM file, or in those of a
 * directory. */
static size_t count_roots(const char *path)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    size_t count = 0;
    if (!directory)
        return count_in_file(path);
    while ((entry = readdir(directory)) != NULL) {
        char *name = format_text("%s/%s", path, entry->d_name);
        count += count_in_file(name);
        free(name);
    }
    closedir(directory);
    return count;
}

static void examine_store(struct examination *x)
{
    static const char advice[] =
        "install ca-certificates, or name a PEM file by --ca or "
        "$SSL_CERT_FILE";
    const char *path = store_path(x);
    size_t count = path ? count_roots(path) : 0;
    if (!x->secure || x->options.insecure_skip_verify)
        note(x, true, "not needed %s",
             x->secure ? "with --insecure" : "without TLS");
    else if (!path)
        note(x, false, "there is none in a usual place; %s", advice);
    else if (!count)
        note(x, false, "no certificate can be read from %s; %s", path, advice);
    else
        note(x, true, "%zu certificate%s in %s", count, count == 1 ? "" : "s",
             path);
}

/* ---- the way there ------------------------------------------------------ */

static const char *last_message(const puter_client *client)
{
    return puter_last_error(client)->message;
}

/* localhost and what is below it need no resolver (RFC 6761 section 6.3). */
static bool is_localhost(const char *host)
{
    static const char name[] = "localhost";
    size_t length = strlen(host), own = sizeof name - 1;
    return length >= own && strcasecmp(host + length - own, name) == 0 &&
           (length == own || host[length - own - 1] == '.');
}

/* The first proxy variable that is set, unless the host is this machine. */
static const char *proxy_variable(const struct examination *x)
{
    static const char *const names[] = {"HTTPS_PROXY", "https_proxy",
                                        "ALL_PROXY", "all_proxy"};
    size_t i;
    if (is_localhost(x->host) || strncmp(x->host, "127.", 4) == 0 ||
        strcmp(x->host, "::1") == 0)
        return NULL;
    for (i = x->secure ? 0 : 2; i < sizeof names / sizeof names[0]; i++)
        if (variable(names[i]))
            return names[i];
    return NULL;
}

/* Takes scheme://host[:port] apart, as far as it is that. */
static void read_origin(struct examination *x)
{
    const char *host = strstr(x->origin, "://");
    size_t length;
    x->secure = strncasecmp(x->origin, "https:", 6) == 0;
    strcpy(x->port, x->secure ? "443" : "80");
    if (!host)
        return;
    host += 3;
    host += *host == '[';
    length = strcspn(host, host[-1] == '[' ? "]" : ":/");
    if (length >= sizeof x->host)
        return;
    memcpy(x->host, host, length);
    host += length;
    host += *host == ']';
    if (*host == ':')
        snprintf(x->port, sizeof x->port, "%.*s",
                 (int)strspn(host + 1, "0123456789"), host + 1);
}

/* Finds a way's first address, and says which or why there is none. */
static bool find_address(const struct examination *x, struct way *way)
{
    const char *host = x->host;
    struct addrinfo hints;
    int error;
    memset(&hints, 0, sizeof hints);
    hints.ai_family = way->family;
    hints.ai_socktype = SOCK_STREAM;
    if (is_localhost(host))
        host = way->family == AF_INET ? "127.0.0.1" : "::1";
    error = getaddrinfo(host, x->port, &hints, &way->addresses);
    if (!error)
        error =
            getnameinfo(way->addresses->ai_addr, way->addresses->ai_addrlen,
                        way->text, sizeof way->text, NULL, 0, NI_NUMERICHOST);
    if (error)
        snprintf(way->text, sizeof way->text, "none (%s)", gai_strerror(error));
    return !error;
}

/* What a proxy does is not seen from here: the first exchange tells. */
static bool left_to_proxy(struct examination *x)
{
    if (x->proxy)
        note(x, true,
             "left to the proxy in $%s, unless $NO_PROXY names the "
             "host",
             x->proxy);
    return x->proxy != NULL;
}

static void examine_name(struct examination *x)
{
    bool v4, v6;
    if (puter_last_error(x->client)->result != PUTER_OK) { /* of options */
        note(x, false, "%s", last_message(x->client));
        return;
    }
    if (left_to_proxy(x))
        return;
    v4 = find_address(x, &x->v4);
    v6 = find_address(x, &x->v6);
    note(x, v4 || v6, "%s: v4 %s, v6 %s%s", x->host, x->v4.text, x->v6.text,
         v4 || v6 ? "" : "; check the name, the network and its DNS");
}

/* Connects within five seconds: 0, or the error. */
static int try_address(const struct addrinfo *address)
{
    struct pollfd item;
    int error = 0;
    socklen_t size = sizeof error;
    item.fd = socket(address->ai_family, SOCK_STREAM, 0);
    item.events = POLLOUT;
    if (item.fd < 0)
        return errno;
    set_nonblocking(item.fd);
    if (connect(item.fd, address->ai_addr, address->ai_addrlen) != 0 &&
        errno != EINPROGRESS)
        error = errno;
    else if (poll(&item, 1, 5000) != 1)
        error = ETIMEDOUT;
    else if (getsockopt(item.fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        error = errno;
    close(item.fd);
    return error;
}

/* Tries a way's addresses until one connects, and says how that went. */
static bool try_way(struct way *way)
{
    const struct addrinfo *address = way->addresses;
    int error = EHOSTUNREACH;
    for (; address && error && !interrupted; address = address->ai_next)
        error = try_address(address);
    snprintf(way->text, sizeof way->text, "%s",
             !way->addresses ? "has no address"
             : error         ? strerror(error)
                             : "connects");
    return !error;
}

static void examine_connection(struct examination *x)
{
    bool v4, v6;
    if (left_to_proxy(x))
        return;
    v4 = try_way(&x->v4);
    v6 = try_way(&x->v6);
    note(x, v4 || v6, "port %s: v4 %s, v6 %s%s", x->port, x->v4.text,
         x->v6.text,
         v4 || v6 ? ""
                  : "; check the address, the firewall and "
                    "whether the service runs");
}

/* ---- the service -------------------------------------------------------- */

/* Whether the first exchange came as far as the service: an answer, whatever it
 * says, is the service's, but for that of a proxy. */
static bool got_through(const struct examination *x, const char *version)
{
    return x->asked == PUTER_OK || *version ||
           (!x->proxy && (!x->secure || x->asked == PUTER_ERR_PROTOCOL ||
                          puter_last_error(x->client)->http_status));
}

static void examine_tls(struct examination *x)
{
    const char *version;
    x->asked = puter_get(x->client, "/version", &x->version);
    version = puter_client_tls_version(x->client);
    if (!got_through(x, version))
        note(x, false, "%s", last_message(x->client));
    else if (!x->secure)
        note(x, true, "not used: plain http");
    else
        note(x, true, "%s, %s", *version ? version : "TLS",
             x->options.insecure_skip_verify
                 ? "any certificate would do (--insecure)"
                 : "the certificate is right");
}

static void examine_service(struct examination *x)
{
    puter_json *json =
        puter_json_parse(x->version.json, x->version.json_length, NULL);
    const char *version = puter_json_string(
        puter_json_get(puter_json_root(json), "version"), NULL);
    if (x->asked != PUTER_OK)
        note(x, false, "%s", last_message(x->client));
    else if (!*version)
        note(x, false,
             "%s/version tells none; is it a Puter service? set "
             "--api-origin",
             x->origin);
    else
        note(x, true, "%s runs Puter %s", x->origin, version);
    puter_json_free(json);
}

/* What comes after is asked with a token that is good. */
static void try_token(struct examination *x, const char *token,
                      const char *place)
{
    puter_options options = x->options;
    puter_client *client;
    const char *problem;
    options.token = token;
    client = puter_open(&options);
    problem = token_problem(client);
    if (problem) {
        note(x, false, "%s", problem);
        puter_close(client);
    } else {
        note(x, true, "the service takes the one in %s", place);
        puter_close(x->client);
        x->client = client;
    }
}

static void examine_token(struct examination *x)
{
    const char *token = x->token, *place = "--token", *problem = NULL;
    char *path = token_path(), *kept = NULL;
    if (!token) {
        token = variable("PUTER_AUTH_TOKEN");
        place = "$PUTER_AUTH_TOKEN";
    }
    if (!token) {
        problem = load_token(path, x->origin, &kept);
        token = kept;
        place = path;
    }
    if (problem)
        note(x, false, "%s: %s", path, problem);
    else if (!token || !*token)
        note(x, false,
             "there is none; sign in (chat --login) or set "
             "$PUTER_AUTH_TOKEN");
    else
        try_token(x, token, place);
    free(kept);
    free(path);
}

static void examine_models(struct examination *x)
{
    puter_reply reply;
    puter_result result = puter_models(x->client, NULL, &reply);
    puter_json *json = puter_json_parse(reply.json, reply.json_length, NULL);
    size_t count =
        puter_json_count(puter_json_get(puter_json_root(json), "models"));
    if (result != PUTER_OK)
        note(x, false, "%s", last_message(x->client));
    else
        note(x, count > 0, "%zu on offer%s", count,
             count ? "" : "; ask who runs the service");
    puter_json_free(json);
    puter_reply_free(&reply);
}

/* ---- all of it ---------------------------------------------------------- */

static const struct step {
    const char *what;
    void (*examine)(struct examination *x);
    bool leads_on; /* where it fails, nothing after it can work */
} steps[] = {{"clock", examine_clock, false},
             {"CA store", examine_store, false},
             {"name resolution", examine_name, true},
             {"connection", examine_connection, true},
             {"TLS and certificate", examine_tls, true},
             {"service", examine_service, false},
             {"token", examine_token, false},
             {"models", examine_models, false}};

static void take_steps(struct examination *x)
{
    bool cut_off = false;
    size_t i;
    for (i = 0; i < sizeof steps / sizeof steps[0] && !interrupted; i++) {
        x->what = steps[i].what;
        if (cut_off)
            note(x, false, "not tried; mend what failed above first");
        else
            steps[i].examine(x);
        cut_off |= steps[i].leads_on && !x->well;
    }
}

static int examine(struct session *session)
{
    struct examination x;
    refuse_words(&session->settings, 0);
    memset(&x, 0, sizeof x);
    x.terminal = &session->terminal;
    x.origin = service_origin(&session->settings);
    x.options = session->settings.client;
    x.token = x.options.token;
    x.options.token = ""; /* what is open to all is asked without */
    x.options.max_retries = -1;
    x.v4.family = AF_INET;
    x.v6.family = AF_INET6;
    x.all_well = true;
    read_origin(&x);
    x.proxy = proxy_variable(&x);
    x.client = puter_open(&x.options);
    take_steps(&x);
    if (x.v4.addresses)
        freeaddrinfo(x.v4.addresses);
    if (x.v6.addresses)
        freeaddrinfo(x.v6.addresses);
    puter_reply_free(&x.version);
    puter_close(x.client);
    return interrupted ? INTERRUPTED : x.all_well ? ANSWERED : FAILED;
}
