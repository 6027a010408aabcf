#!/bin/sh
# usage: client.sh MOUNT FILE PIPE
# FILE is numbered lines of 8 bytes, from 0000000 on. Nothing ever comes out of PIPE.
set -eu
exec 9<"$1/ctx/new"; read -r n <&9; c=$1/ctx/$n     # a context that lives as long as descriptor 9

check() { [ "$1" = "$2" ] || { echo "client.sh: $1, not $2" >&2; exit 1; }; }
submit() { printf '%s\n' "$1" >"$c/submit"; }
event() { read -r tag res err rest <"$c/events"; check "$tag $res $err" "$1"; }

echo 32 >"$c/nr_events"                             # so many in flight: who writes more waits
printf 'open %s\n' "0 open=rdwr $2" "1 open=rdwr $3" >"$c/files"
size=$(wc -c <"$2")

# Random reads. By its tag an event says which: five digits that count, and seven that are the line to come.
awk -v lines=$((size / 8)) 'BEGIN { srand(); for (i = 10001; i <= 11000; i++) { n = int(rand() * lines)
    printf "pread tag=%d%07d slot=0 off=%d len=8\n", i, n, n * 8 } }' >"$c/submit" &
cat "$c/events" | {                                 # ends when submit is closed and nothing is in flight
    verified=0
    while read -r tag res err rest; do
        read -r line <"$c/out/$tag"
        check "$res $err $line" "8 - ${tag#?????}"
        verified=$((verified + 1))
    done
    check "$verified" 1000
}

submit "pwrite tag=1 slot=0 off=$size str=written\012"; event '1 8 -'
submit 'fsync tag=2 slot=0'; event '2 0 -'
submit 'pread tag=3 slot=1 len=1'
echo tag=3 >"$c/cancel"; event '3 -125 ECANCELED'
