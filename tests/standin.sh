# standin.sh - for scripts that need a service: start_standin OPTION... runs
# the stand-in over TLS, with an environment that leads there; stop_standin
# ends it, as does the end of the script, however that comes.
# shellcheck shell=sh

standin_files=$(mktemp -d) || exit 1
standin_process=
trap 'stop_standin; rm -rf "$standin_files"' EXIT
trap 'exit 130' INT TERM HUP

unset HTTPS_PROXY https_proxy ALL_PROXY all_proxy
export PUTER_API_ORIGIN SSL_CERT_FILE PUTER_AUTH_TOKEN=test-token-of-a-script

start_standin()
{
    rm -f "$standin_files/lines"
    mkfifo "$standin_files/lines" || exit 1
    "${STANDIN:-build/standin}" "$@" >"$standin_files/lines" &
    standin_process=$!
    # Its first lines are its origin and, over TLS, the file of its CA.
    exec 3<"$standin_files/lines"
    read -r PUTER_API_ORIGIN <&3 || PUTER_API_ORIGIN=
    case $PUTER_API_ORIGIN in
    http:*) return ;;
    https:*) read -r SSL_CERT_FILE <&3 && return ;;
    esac
    echo "the stand-in did not start" >&2
    exit 1
}

stop_standin()
{
    [ -n "$standin_process" ] || return 0
    kill "$standin_process" 2>/dev/null
    wait "$standin_process"
    standin_process=
}
