# Cost against size, three panels; folder is where the data are.
set terminal svg size 960,300 dynamic background '#ffffff' font 'sans,12'
set output folder.'/cost.svg'
set multiplot layout 1,3
set style data linespoints
set style line 1 linewidth 2 pointtype 7 pointsize 0.5 linecolor '#1b6ac9'
set style line 2 linewidth 2 pointtype 5 pointsize 0.5 linecolor '#b0b0b0'
set border 3 linecolor '#606060'
set tics nomirror
set key top left reverse Left samplen 2
set xrange [0:]
set yrange [0:]
set ylabel 'million instructions beyond TLS'

set title 'an answer'
set xlabel 'KB of text'
plot folder.'/cost-answer' using ($1/1e3):($2/1e6) linestyle 1 \
         title 'puter.h', \
     '' using ($1/1e3):($3/1e6) linestyle 2 title 'libcurl + cJSON'

unset ylabel
set title 'a question after a history'
set xlabel 'turns'
plot folder.'/cost-history' using 1:($2/1e6) linestyle 1 \
         title 'puter.h', \
     '' using 1:($3/1e6) linestyle 2 title 'libcurl + cJSON'

set title 'a list of models'
set xlabel 'models'
plot folder.'/cost-models' using 1:($2/1e6) linestyle 1 \
         title 'puter.h', \
     '' using 1:($3/1e6) linestyle 2 title 'libcurl + cJSON'
