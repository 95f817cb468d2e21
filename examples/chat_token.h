/* chat_token.h - the part of chat that knows which token is used at which
 * service, and where one is kept.
 */
#include <ctype.h>
#include <strings.h>
#include <sys/stat.h>

/* $XDG_CONFIG_HOME/puter/token, else ~/.config/puter/token. NULL where the
 * environment names neither; what is relative counts as not named. */
static char *token_path(void)
{
    const char *config = variable("XDG_CONFIG_HOME"), *home = variable("HOME");
    if (config && *config == '/')
        return format_text("%s/puter/token", config);
    return home && *home == '/' ? format_text("%s/.config/puter/token", home)
                                : NULL;
}

static char *need_token_path(void)
{
    char *path = token_path();
    if (!path)
        exit(complain(FAILED, "there is no place for a token: set $HOME"));
    return path;
}

static const char *service_origin(const struct settings *settings)
{
    const char *origin = settings->client.api_origin;
    if (!origin)
        origin = variable("PUTER_API_ORIGIN");
    return origin ? origin : "https://api.puter.com";
}

/* An origin as all its spellings have it: in lower case up to its path,
 * without the scheme's own port and slashes at the end. */
static char *spell_origin(const char *origin)
{
    char *text = format_text("%s", origin), *end, *c;
    const char *port = strncasecmp(text, "https:", 6) == 0 ? ":443" : ":80";
    size_t length = strlen(text), port_length = strlen(port);
    while (length && text[length - 1] == '/')
        text[--length] = '\0';
    end = strstr(text, "://");
    end = end ? end + 3 + strcspn(end + 3, "/") : text + length;
    for (c = text; c < end; c++)
        *c = (char)tolower((unsigned char)*c);
    if ((size_t)(end - text) > port_length &&
        strncmp(end - port_length, port, port_length) == 0)
        memmove(end - port_length, end, strlen(end) + 1);
    return text;
}

static bool same_origin(const char *a, const char *b)
{
    char *one = spell_origin(a), *other = spell_origin(b);
    bool same = strcmp(one, other) == 0;
    free(one);
    free(other);
    return same;
}

/* Takes the token from what a file holds: its first line is the token, its
 * second the origin that it is for, and it goes to no other. A token that was
 * put there by hand has none. NULL, or what is wrong. */
static const char *take_token(struct buffer *content, const char *origin)
{
    char *its_origin = content->data + strcspn(content->data, "\n");
    if (!*content->data || strlen(content->data) != content->size)
        return "it is empty or damaged; sign in again (chat --login)";
    if (*its_origin)
        *its_origin++ = '\0';
    its_origin[strcspn(its_origin, "\n")] = '\0';
    return !*content->data
               ? "it begins with an empty line; sign in again (chat --login)"
           : *its_origin && !same_origin(its_origin, origin)
               ? "it is for another service; sign in to this one "
                 "(chat --login)"
               : NULL;
}

/* Reads the token from a file that is for nobody else: NULL, or what is wrong
 * with it. */
static const char *read_token(FILE *file, const char *origin, char **token)
{
    struct buffer content = {NULL, 0, 0};
    struct stat about;
    const char *problem;
    if (fstat(fileno(file), &about) != 0)
        return strerror(errno);
    if (!S_ISREG(about.st_mode))
        return "it is not a file";
    if (about.st_uid != geteuid() || about.st_mode & (S_IRWXG | S_IRWXO))
        return "other users can read it; sign in again (chat --login)";
    problem = read_to_end(file, &content);
    if (!problem)
        problem = take_token(&content, origin);
    if (!problem)
        *token = content.data;
    else
        free(content.data);
    return problem;
}

/* NULL, with the token where one is kept, or why it cannot be used. */
static const char *load_token(const char *path, const char *origin,
                              char **token)
{
    FILE *file = path ? fopen(path, "r") : NULL;
    const char *problem;
    *token = NULL;
    if (!file)
        return !path || errno == ENOENT || errno == ENOTDIR ? NULL
                                                            : strerror(errno);
    problem = read_token(file, origin, token);
    fclose(file);
    return problem;
}

/* Makes those above a file: 0, or the first error that it met. */
static int make_directories(char *path)
{
    char *slash = path;
    int error = 0;
    while ((slash = strchr(slash + 1, '/')) != NULL) {
        *slash = '\0';
        if (mkdir(path, S_IRWXU) != 0 && errno != EEXIST && !error)
            error = errno;
        *slash = '/';
    }
    return error;
}

/* Makes a place for a token: 0, or why none can be kept there. Directories may
 * be there without mkdir having said so: what counts is whether a file can
 * be. */
static int make_place(char *path)
{
    int error = make_directories(path);
    char *trial = format_text("%s.XXXXXX", path);
    int descriptor = mkstemp(trial);
    if (descriptor < 0 && !error)
        error = errno;
    if (descriptor >= 0) {
        error = 0;
        close(descriptor);
        unlink(trial);
    }
    free(trial);
    return error;
}

static bool write_token(int descriptor, const char *token, const char *origin)
{
    FILE *file = fdopen(descriptor, "w");
    bool written = file && fprintf(file, "%s\n%s\n", token, origin) > 0;
    if (!file)
        close(descriptor);
    else if (fclose(file) != 0)
        written = false;
    return written;
}

/* Writes a file that then takes the old one's place: there is never half of
 * it, nor a token beside another's origin. 0, or the error. */
static int keep_token(const char *path, const char *token, const char *origin)
{
    char *unfinished = format_text("%s.XXXXXX", path);
    int descriptor = mkstemp(unfinished); /* with mode 0600 */
    bool kept = descriptor >= 0 && write_token(descriptor, token, origin) &&
                rename(unfinished, path) == 0;
    int error = kept ? 0 : errno;
    if (!kept && descriptor >= 0)
        unlink(unfinished);
    free(unfinished);
    return error;
}

static int sign_out(struct session *session)
{
    char *path;
    int status = ANSWERED;
    refuse_words(&session->settings, 0);
    path = need_token_path();
    if (unlink(path) == 0)
        fprintf(stderr, "Signed out: %s is deleted.\n", path);
    else if (errno == ENOENT || errno == ENOTDIR)
        fprintf(stderr, "There was no token in %s.\n", path);
    else
        status = complain(FAILED, "%s cannot be deleted: %s", path,
                          strerror(errno));
    free(path);
    return status;
}

/* NULL where the service takes the client's token, or what is wrong: what is
 * asked needs one. Other servers may answer anything with 200. */
static const char *token_problem(puter_client *client)
{
    puter_reply reply;
    puter_result result = puter_get(client, "/drivers/list-interfaces", &reply);
    bool listed = reply.json_length && *reply.json == '{';
    puter_reply_free(&reply);
    if (result != PUTER_OK)
        return puter_last_error(client)->message;
    return listed ? NULL : "what answers is no Puter service; set --api-origin";
}

/* The token is the command line's or the environment's, else the kept one,
 * which must be good where one is needed. */
static void open_client(struct session *session, bool needed)
{
    puter_options *options = &session->settings.client;
    char *path = token_path();
    const char *problem = NULL;
    if (!options->token && !variable("PUTER_AUTH_TOKEN"))
        problem = load_token(path, service_origin(&session->settings),
                             &session->token);
    if (problem && needed)
        exit(complain(FAILED, "the token in %s is not used: %s", path,
                      problem));
    if (session->token)
        options->token = session->token;
    session->client = puter_open(options);
    free(path);
}
