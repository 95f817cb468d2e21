# check.sh - for scripts: checks that tell which failed and what was seen.
# shellcheck shell=sh

passed=0 failed=0

# What is shown of a check that failed; $log is the script's to set.
# shellcheck disable=SC2154
show_failure()
{
    head -n 20 "$log"
}

# check WHAT COMMAND...: the command succeeds.
check()
{
    what=$1
    shift
    if "$@" >"$log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "${0##*/}: $what"
        show_failure
    fi
}

# Prints the closing line; gives the script's exit status.
check_done()
{
    echo "$passed passed, $failed failed"
    [ $failed = 0 ]
}
