# The table, from two files: the samples (ROW WHO NUMBER), then the rows, with
# columns as in run.

function median(list, count,    i, j, swap) {
    for (i = 2; i <= count; i++)
        for (j = i; j > 1 && list[j] < list[j - 1]; j--) {
            swap = list[j]
            list[j] = list[j - 1]
            list[j - 1] = swap
        }
    return count % 2 ? list[(count + 1) / 2] \
                     : (list[count / 2] + list[count / 2 + 1]) / 2
}

function median_of(row, who,    list, i) {
    for (i = 1; i <= count[row, who]; i++)
        list[i] = sample[row, who, i]
    return median(list, count[row, who])
}

# A number with three digits that count.
function digits(number) {
    if (number >= 100 || number == int(number))
        return sprintf("%d", number + 0.5)
    return sprintf(number >= 10 ? "%.1f" : "%.2f", number)
}

# How a sample of ours compares with theirs of the same round.
function compared(row, who, i, how, scale) {
    if (how == "ours")
        return sample[row, "ours", i] * scale
    if (how == "difference")
        return (sample[row, "ours", i] - sample[row, who, i]) * scale
    return sample[row, "ours", i] / sample[row, who, i]
}

function met(number, goal,    part) {
    split(goal, part, " ")
    return part[1] == "" || (part[1] == ">=" ? number >= part[2] \
                                             : number <= part[2])
}

FNR == NR {
    split($0, word, " ")
    sample[word[1], word[2], ++count[word[1], word[2]]] = word[3]
    next
}

FNR == 1 {
    line = "%-44s %9s  %9s %-8s %8s  %-15s %s\n"
    printf line, "", "ours", "theirs", "", "ratio", "spread", "goal"
}

NF > 1 {
    row = $1
    who = $4
    n = count[row, "ours"]
    for (i = 1; i <= n; i++)
        list[i] = compared(row, who, i, $5, $3)
    middle = median(list, n)
    shown = $5 == "ratio" ? digits(middle) \
          : $5 == "difference" ? sprintf("%+.1f", middle) : ""
    spread = n > 1 ? digits(list[1]) " - " digits(list[n]) : ""
    printf line, $2, digits(median_of(row, "ours") * $3),
           digits(median_of(row, who) * $3), who, shown, spread,
           $6 (met(middle, $6) ? "" : "  missed")
    title = $2 ~ /^  the same/ ? title : $2
    if (!met(middle, $6))
        missed = missed sprintf("  %s, against %s: %s, goal %s\n", title,
                                who, digits(middle), $6)
}

END {
    print "\ngoals not met"
    printf "%s", missed == "" ? "  (none)\n" : missed
}
